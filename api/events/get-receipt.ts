import { z } from 'zod';
import { chunkIdsOf, CONFLICT_MESSAGE, readReceipt, RECEIPT_RETENTION_MS } from '../../shared/domain/receipt';
import { PublicError } from '../http/public-error';
import { unitsOf } from '../http/price';
import { route } from '../http/route';
import { presentReceipt, receiptSchema } from './present-receipt';
import { visibleTo } from './visibility';

const FINAL = {
  receiptId: 'rcpt_live_c0miav3k7e5f0a1b2c3d4e5f60718.mi1a2b3c.1.0.3.Jm3vQx8Yk2Lp6Rt9Wz4NbA',
  accepted: 3,
  receivedAt: '2026-01-31T09:30:00.000Z',
  settledAt: '2026-01-31T09:30:00.120Z',
};
const STORED = { ...FINAL, status: 'DONE', persisted: 3, duplicates: 0, conflicts: 0, failed: 0, erased: 0 };
const MIXED = {
  ...FINAL,
  status: 'DONE_WITH_FAILURES',
  persisted: 1,
  duplicates: 1,
  conflicts: 1,
  failed: 0,
  erased: 0,
  items: [
    { index: 1, eventId: 'evt_live_h3vQx8Yk2Lp6Rt9Wz4NbA7mTc', outcome: 'DUPLICATE' },
    {
      index: 2,
      eventId: 'evt_live_hB7mTc3vQx8Yk2Lp6Rt9Wz4NA',
      outcome: 'CONFLICT',
      code: 'IDEMPOTENCY_KEY_REUSED',
      message: CONFLICT_MESSAGE,
      firstReceivedAt: '2026-01-30T17:05:00.000Z',
    },
  ],
};

function receiptNotFound(): PublicError {
  return new PublicError('NOT_FOUND', 'Receipt not found. Check the ID. Receipts expire after 30 days.');
}

/**
 * Handles `GET /events/receipts/:receiptId`. Combines the facts signed into the receipt ID with the parts that workers
 * wrote when they finalized the receipt's chunks.
 */
export const getReceiptRoute = route({
  operationId: 'getReceipt',
  method: 'GET',
  path: '/events/receipts/:receiptId',
  auth: { kind: 'key', scope: 'events:read', availableWithoutRedis: true, price: { asRead: true } },
  tag: 'Events',
  summary: 'Get the receipt for a submission',
  params: z.object({ receiptId: z.string().max(200) }),
  answers: {
    200: {
      description: 'The receipt',
      schema: receiptSchema,
      examples: { 'All stored': STORED, 'One duplicate, one conflict': MIXED },
    },
  },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, caller, params: { receiptId } }) => {
    const { store, secrets } = ctx;
    const facts = readReceipt(secrets.receipt, caller.tenant, receiptId);
    const nowMs = caller.admission.nowMs ?? Date.now();
    if (!facts || facts.receivedAtMs < nowMs - RECEIPT_RETENTION_MS) throw receiptNotFound();
    const parts = await store.receipts.parts(caller.tenant, chunkIdsOf(facts));
    const reader = await visibleTo(ctx, caller);
    // Before a worker has stored the first part, the response only repeats what the ID contains.
    if (reader !== undefined && parts.some(({ agents }) => !agents?.includes(reader))) throw receiptNotFound();
    const receipt = presentReceipt(receiptId, facts, parts);
    const units = unitsOf({ rows: receipt.items?.length ?? 0 });
    // The request has paid for the first unit.
    if (units > 1) await caller.charge(units - 1);
    return { status: 200, body: receipt };
  },
});
