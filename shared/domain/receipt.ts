import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { type ChunkId, type Env, envOf, type ReceiptId, type Tenant } from './ids';

const MAC_LENGTH = 22;
export const RECEIPT_RETENTION_DAYS = 30;
export const RECEIPT_RETENTION_MS = RECEIPT_RETENTION_DAYS * 24 * 3600 * 1000;

/** What happened to one accepted event. FAILED items carry a code and stand in the dead letters; ERASED: its user was. */
export type Outcome = 'PERSISTED' | 'DUPLICATE' | 'CONFLICT' | 'FAILED' | 'ERASED';

/** What is said of an event that the store rejects. The store's own words are for the log: they may quote content. */
export const STORE_REFUSED_MESSAGE = 'The database rejected the content of this event.';

/** Everything a receipt needs to be answered before any worker has seen its chunks. */
export interface ReceiptFacts {
  base: ChunkId;
  /** Chunks `<base>` (slot given) or `<base>x0 … <base>x<chunks-1>`. */
  chunks: number;
  /** Index within a chunk that several single submissions share; null: the chunks are this receipt's alone. */
  slot: number | null;
  accepted: number;
  receivedAtMs: number;
}

/** The chunk ids that a receipt waits for. */
export function chunkIdsOf({ base, chunks, slot }: ReceiptFacts): ChunkId[] {
  return slot === null ? Array.from({ length: chunks }, (_, n) => chunkIdAt(base, n)) : [base];
}

/** Id of the n-th chunk of a batch. */
export function chunkIdAt(base: ChunkId, n: number): ChunkId {
  return `${base}x${n.toString(36)}` as ChunkId;
}

function macOf(key: KeyObject, tenant: Tenant, body: string): string {
  return createHmac('sha256', key).update(`${tenant}|${body}`).digest('base64url').slice(0, MAC_LENGTH);
}

/** `rcpt_<env>_<facts>_<mac>`: the facts themselves, signed for the tenant. Nothing has to be stored to know them. */
export function signReceipt(key: KeyObject, tenant: Tenant, facts: ReceiptFacts): ReceiptId {
  const numbers = [facts.receivedAtMs, facts.chunks, facts.slot === null ? 0 : facts.slot + 1, facts.accepted];
  const body = `${facts.base}.${numbers.map((n) => n.toString(36)).join('.')}`;
  return `rcpt_${envOf(tenant)}_${body}.${macOf(key, tenant, body)}` as ReceiptId;
}

const FORMAT =
  /^rcpt_(live|test)_((c[0-9a-z]{20,40})\.([0-9a-z]{1,9})\.([0-9a-z]{1,3})\.([0-9a-z]{1,3})\.([0-9a-z]{1,3}))\.([\w-]{22})$/;

/** The facts of a receipt id, or null unless it was signed for exactly this tenant. */
export function readReceipt(key: KeyObject, tenant: Tenant, receiptId: string): ReceiptFacts | null {
  const match = FORMAT.exec(receiptId);
  if (!match || (match[1] as Env) !== envOf(tenant)) return null;
  if (!timingSafeEqual(Buffer.from(macOf(key, tenant, match[2]!)), Buffer.from(match[8]!))) return null;
  const [receivedAtMs, chunks, slot, accepted] = match.slice(4, 8).map((text) => Number.parseInt(text, 36));
  return {
    base: match[3] as ChunkId,
    receivedAtMs: receivedAtMs!,
    chunks: chunks!,
    slot: slot === 0 ? null : slot! - 1,
    accepted: accepted!,
  };
}
