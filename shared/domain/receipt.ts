import { timingSafeEqual } from 'node:crypto';
import { type ChunkId, type Env, envOf, type ReceiptId, type Tenant } from './ids';
import type { KeyedHash } from './subject';

const MAC_LENGTH = 22;
export const RECEIPT_RETENTION_DAYS = 30;
export const RECEIPT_RETENTION_MS = RECEIPT_RETENTION_DAYS * 24 * 3600 * 1000;

/** The outcome of an accepted event. A FAILED event is in a dead letter. An ERASED event belongs to an erased user. */
export type Outcome = 'PERSISTED' | 'DUPLICATE' | 'CONFLICT' | 'FAILED' | 'ERASED';

/**
 * Public message for an event that MongoDB rejects. The original error may quote the event's content, so it is only
 * logged.
 */
export const STORE_REFUSED_MESSAGE = 'The database rejected the content of this event.';

/** Public message for an event whose idempotency key belongs to a stored event with different content. */
export const CONFLICT_MESSAGE =
  'The content differs from the event that MIR received first with this idempotency key. MIR kept the first event. Use a new key for different content.';

/** Everything needed to return a receipt before a worker has processed its chunks. */
export interface ReceiptFacts {
  base: ChunkId;
  /** The chunks are `<base>x0 … <base>x<chunks-1>`, or only `<base>` if `slot` is set. */
  chunks: number;
  /** Index in a chunk that several single-event submissions share. Null if the chunks belong only to this receipt. */
  slot: number | null;
  accepted: number;
  receivedAtMs: number;
}

export function chunkIdsOf({ base, chunks, slot }: ReceiptFacts): ChunkId[] {
  return slot === null ? Array.from({ length: chunks }, (_, n) => chunkIdAt(base, n)) : [base];
}

/** Returns the ID of a batch's n-th chunk. */
export function chunkIdAt(base: ChunkId, n: number): ChunkId {
  return `${base}x${n.toString(36)}` as ChunkId;
}

/** A chunk's ID without its number ends with hexadecimal digits, so the `x` is unambiguous. */
const CHUNK_NUMBER = /x[0-9a-z]{1,2}$/;

/** Returns the `base` of the receipts to which a chunk belongs. */
export function baseOf(chunkId: ChunkId): ChunkId {
  return chunkId.replace(CHUNK_NUMBER, '') as ChunkId;
}

/** Number of events by outcome, without those that are PERSISTED. */
export interface OutcomeCounts {
  duplicates: number;
  conflicts: number;
  failed: number;
  erased: number;
}

const COUNTED_AS = {
  DUPLICATE: 'duplicates',
  CONFLICT: 'conflicts',
  FAILED: 'failed',
  ERASED: 'erased',
} as const satisfies Record<Exclude<Outcome, 'PERSISTED'>, keyof OutcomeCounts>;

export function countOutcomes(items: readonly { outcome: Exclude<Outcome, 'PERSISTED'> }[]): OutcomeCounts {
  const counts: OutcomeCounts = { duplicates: 0, conflicts: 0, failed: 0, erased: 0 };
  for (const { outcome } of items) counts[COUNTED_AS[outcome]] += 1;
  return counts;
}

/** Returns whether events with these outcomes make a receipt DONE_WITH_FAILURES. */
export function hasFailures({ conflicts, failed }: OutcomeCounts): boolean {
  return conflicts + failed > 0;
}

function macOf(hmac: KeyedHash, tenant: Tenant, body: string): string {
  return hmac(`${tenant}|${body}`).slice(0, MAC_LENGTH);
}

/**
 * Returns `rcpt_<env>_<facts>.<mac>`. The ID contains the facts, signed for the tenant, so MIR does not have to store
 * them.
 */
export function signReceipt(hmac: KeyedHash, tenant: Tenant, facts: ReceiptFacts): ReceiptId {
  const numbers = [facts.receivedAtMs, facts.chunks, facts.slot === null ? 0 : facts.slot + 1, facts.accepted];
  const body = `${facts.base}.${numbers.map((n) => n.toString(36)).join('.')}`;
  return `rcpt_${envOf(tenant)}_${body}.${macOf(hmac, tenant, body)}` as ReceiptId;
}

const FORMAT =
  /^rcpt_(live|test)_((c[0-9a-z]{20,40})\.([0-9a-z]{1,9})\.([0-9a-z]{1,3})\.([0-9a-z]{1,3})\.([0-9a-z]{1,3}))\.([\w-]{22})$/;

/** Returns the facts in a receipt ID, or null if the ID was not signed for this tenant. */
export function readReceipt(hmac: KeyedHash, tenant: Tenant, receiptId: string): ReceiptFacts | null {
  const match = FORMAT.exec(receiptId);
  if (!match || (match[1] as Env) !== envOf(tenant)) return null;
  if (!timingSafeEqual(Buffer.from(macOf(hmac, tenant, match[2]!)), Buffer.from(match[8]!))) return null;
  const [receivedAtMs, chunks, slot, accepted] = match.slice(4, 8).map((text) => Number.parseInt(text, 36));
  return {
    base: match[3] as ChunkId,
    receivedAtMs: receivedAtMs!,
    chunks: chunks!,
    slot: slot === 0 ? null : slot! - 1,
    accepted: accepted!,
  };
}
