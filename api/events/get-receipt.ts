import { z } from 'zod';
import {
  chunkIdsOf,
  readReceipt,
  RECEIPT_RETENTION_MS,
  type ReceiptFacts,
  STORE_REFUSED_MESSAGE,
} from '../../shared/domain/receipt';
import { PublicError } from '../http/public-error';
import type { ReceiptItem, ReceiptPartDoc } from '../../shared/store/receipts';
import { unitsOf } from '../http/price';
import { route } from '../http/route';

const receiptSchema = z
  .object({
    receiptId: z.string(),
    status: z.enum(['QUEUED', 'DONE', 'DONE_WITH_FAILURES']),
    accepted: z.int(),
    persisted: z.int(),
    duplicates: z.int(),
    conflicts: z.int(),
    failed: z.int(),
    erased: z.int().describe('Number of events discarded because their user was erased after MIR received them.'),
    receivedAt: z.iso.datetime(),
    settledAt: z.iso.datetime().nullable(),
    items: z
      .array(
        z
          .object({
            index: z.int(),
            eventId: z.string().describe('For DUPLICATE and CONFLICT, the ID of the stored event.'),
            outcome: z.enum(['DUPLICATE', 'CONFLICT', 'FAILED', 'ERASED']),
            code: z.string().optional(),
            message: z.string().optional(),
          })
          .meta({ id: 'ReceiptItem' }),
      )
      .optional()
      .describe('Events with an outcome other than PERSISTED, except failed events whose data could not be read.'),
  })
  .meta({ id: 'Receipt' });

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
    { index: 2, eventId: 'evt_live_hB7mTc3vQx8Yk2Lp6Rt9Wz4NA', outcome: 'CONFLICT' },
  ],
};

/** Combines a receipt's parts. The status is QUEUED until every chunk is finalized. */
function presentReceipt(
  receiptId: string,
  facts: ReceiptFacts,
  parts: ReceiptPartDoc[],
): z.input<typeof receiptSchema> {
  const { slot, accepted, receivedAtMs } = facts;
  const items: ReceiptItem[] = parts
    .flatMap((part) => part.items)
    .filter(({ index }) => slot === null || index === slot)
    .map((item) => (slot === null ? item : { ...item, index: 0 }))
    // Earlier versions stored the database driver's error message, which may quote event content.
    .map((item) => (item.code === 'STORE_REFUSED' ? { ...item, message: STORE_REFUSED_MESSAGE } : item))
    .sort((a, b) => a.index - b.index);
  const isFinal = parts.length === chunkIdsOf(facts).length;
  const read = parts.filter(({ total }) => total !== null);
  const seen = slot === null ? read.reduce((sum, { total }) => sum + total!, 0) : read.length;
  // Events in an unreadable payload count as failed, but their indexes are unknown.
  const unread = isFinal && read.length < parts.length ? accepted - seen : 0;
  const count = (outcome: ReceiptItem['outcome']): number => items.filter((item) => item.outcome === outcome).length;
  const status = !isFinal
    ? 'QUEUED'
    : unread > 0 || items.some(({ outcome }) => outcome === 'CONFLICT' || outcome === 'FAILED')
      ? 'DONE_WITH_FAILURES'
      : 'DONE';
  const settledAtMs = Math.max(...parts.map(({ settledAt }) => settledAt.getTime()));
  return {
    receiptId,
    status,
    accepted,
    persisted: seen - items.length,
    duplicates: count('DUPLICATE'),
    conflicts: count('CONFLICT'),
    failed: count('FAILED') + unread,
    erased: count('ERASED'),
    receivedAt: new Date(receivedAtMs).toISOString(),
    settledAt: isFinal ? new Date(settledAtMs).toISOString() : null,
    ...(items.length > 0 ? { items } : {}),
  };
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
  handle: async ({ ctx: { store, secrets }, caller, params: { receiptId } }) => {
    const facts = readReceipt(secrets.receipt, caller.tenant, receiptId);
    const nowMs = caller.admission.nowMs ?? Date.now();
    if (!facts || facts.receivedAtMs < nowMs - RECEIPT_RETENTION_MS) {
      throw new PublicError('NOT_FOUND', 'Receipt not found. Check the ID. Receipts expire after 30 days.');
    }
    const parts = await store.receipts.parts(caller.tenant, chunkIdsOf(facts));
    const receipt = presentReceipt(receiptId, facts, parts);
    const units = unitsOf({ rows: receipt.items?.length ?? 0 });
    // The request has paid for the first unit.
    if (units > 1) await caller.charge(units - 1);
    return { status: 200, body: receipt };
  },
});
