import { z } from 'zod';
import { createSemaphore } from '../../shared/concurrency/semaphore';
import { PublicError } from '../http/public-error';
import type { AuditChain } from '../../shared/store/audit';
import type { ApiContext } from '../context';
import { pageQuery, readCursor, encryptCursor } from '../http/paging';
import { type Charge, FREE, isPaid, ROWS_PER_UNIT } from '../http/price';
import { route } from '../http/route';

import { type CheckedChain, UNCHECKED, verifyChain } from '../../shared/audit/verify-chain';

/** Maximum number of entries that one call verifies. Longer chains require several calls. */
const MAX_ENTRIES_PER_CALL = 100_000;
const CALL_TIMEOUT_MS = 5_000;
/** Maximum number of concurrent calls per process. Hashing is CPU-bound and delays other requests. */
export const MAX_CONCURRENT_CALLS = 8;
/** Maximum number of concurrent calls per chain, so that one tenant cannot use up the process's calls. */
export const MAX_CONCURRENT_CALLS_PER_CHAIN = 2;

const verdictSchema = z.union([
  z
    .object({
      intact: z.literal(true),
      entries: z.int().describe('Number of verified entries, from the start of the chain.'),
      sealedThrough: z.iso.datetime().nullable().describe('Time of the latest verified entry.'),
      headHash: z
        .string()
        .nullable()
        .describe(
          'Hash of the last verified entry. Store it: if anyone changes this or an earlier entry, the chain no longer produces this hash.',
        ),
      unsealed: z
        .int()
        .describe('Number of newer entries that are not sealed yet. Sealing usually takes about a second.'),
      nextCursor: z
        .string()
        .nullable()
        .describe('Cursor for the next call. Null once the newest sealed entry is verified.'),
    })
    .meta({ id: 'IntactChain' }),
  z
    .object({
      intact: z.literal(false),
      firstBroken: z
        .object({
          seq: z.int(),
          auditId: z.string().nullable(),
          reason: z.enum(['ENTRY_CHANGED', 'ENTRY_MISSING', 'ENTRY_INSERTED', 'LINK_BROKEN', 'HEAD_CHANGED']),
        })
        .meta({ id: 'ChainBreak' }),
    })
    .meta({ id: 'BrokenChain' }),
]);
export type PresentedVerdict = z.input<typeof verdictSchema>;

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

function readPosition({ secrets }: Deps, owner: string, cursor: string | undefined): CheckedChain {
  const position = readCursor(secrets.cursor, owner, cursor);
  if (!position) return UNCHECKED;
  const [hash, throughMs] = position.id.split(' ');
  return { seq: position.atMs, hash: hash!, throughMs: Number(throughMs) };
}

/**
 * Verifies a chain from its start, or from the point where the call that returned `cursor` stopped. Charges for every
 * entry that it reads, and stops once the budget is exhausted.
 */
export async function verdictOfAudit(
  deps: Deps,
  chain: AuditChain,
  { limit = MAX_ENTRIES_PER_CALL, cursor }: { limit?: number; cursor?: string | undefined },
  charge: Charge = FREE,
): Promise<PresentedVerdict> {
  const { store, secrets } = deps;
  const owner = `verify|${chain}`;
  const from = readPosition(deps, owner, cursor);
  const more = { every: ROWS_PER_UNIT, isGranted: () => isPaid(charge(1)) };
  const bounds = { maxEntries: limit, timeoutMs: CALL_TIMEOUT_MS, more };
  const verdict = await verifyChain(store, chain, from, bounds);
  if (!verdict.intact) return verdict;
  const { seq, hash, throughMs } = verdict.checked;
  return {
    intact: true,
    entries: seq,
    sealedThrough: seq === 0 ? null : new Date(throughMs).toISOString(),
    headHash: seq === 0 ? null : hash,
    unsealed: await store.audit.countUnsealed(chain),
    nextCursor: verdict.complete ? null : encryptCursor(secrets.cursor, owner, [seq, `${hash} ${throughMs}`]),
  };
}

const onFull = (): Error =>
  new PublicError('OVERLOADED', 'Too many audit chains are being verified. Retry in a second.', {
    retryAfterSeconds: 1,
  });
const perProcess = createSemaphore({ maxAtOnce: MAX_CONCURRENT_CALLS, maxWaiting: 0, onFull });
const perChain = createSemaphore({ maxAtOnce: MAX_CONCURRENT_CALLS_PER_CHAIN, maxWaiting: 0, onFull });

/**
 * Verifies a part of a chain as `verdictOfAudit` does, while few others verify chains in this process. Throws OVERLOADED
 * (503) at the limits.
 */
export async function verdictInTurn(
  deps: Deps,
  chain: AuditChain,
  query: { limit?: number; cursor?: string | undefined },
  charge: Charge = FREE,
): Promise<PresentedVerdict> {
  return perChain.run(() => perProcess.run(() => verdictOfAudit(deps, chain, query, charge)), chain);
}

export const verifyAuditRoute = route({
  operationId: 'verifyAuditChain',
  method: 'GET',
  path: '/audit/verify',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    partnerScope: 'audit:read',
    partnerOnly: true,
    availableWithoutRedis: true,
    price: { asRead: true },
  },
  tag: 'Audit',
  summary: 'Verify the hash chain',
  description:
    'Recomputes the chain of this environment. Only the partner key can do this, because the result depends on entries that agents may not see.',
  query: z.strictObject({
    cursor: pageQuery.cursor,
    limit: z.coerce.number().int().min(1).max(MAX_ENTRIES_PER_CALL).default(MAX_ENTRIES_PER_CALL),
  }),
  answers: {
    200: {
      description: 'Whether the verified entries are intact and, if not, the first problem',
      schema: verdictSchema,
    },
  },
  problems: ['VALIDATION_FAILED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller: { tenant, charge }, query }) => ({
    status: 200,
    body: await verdictInTurn(ctx, tenant, query, charge),
  }),
});
