import { breakAfter, type ChainBreak, CHAIN_START, type ChainPosition } from '../domain/audit-chain';
import { type AuditChain, contentOf } from '../store/audit';
import type { Store } from '../store/store';

/** How far a chain has been verified: the last verified entry, and the latest time of any verified entry. */
export interface CheckedChain extends ChainPosition {
  throughMs: number;
}

export const UNCHECKED: CheckedChain = { ...CHAIN_START, throughMs: 0 };

interface Broken {
  seq: number;
  /** ID of the broken entry. Null if the entry is missing, or if the problem is in the chain head. */
  auditId: string | null;
  reason: ChainBreak;
}

/** `complete`: the chain was verified up to its head, not only up to a limit. */
export type ChainVerdict =
  | { intact: true; checked: CheckedChain; complete: boolean }
  | { intact: false; firstBroken: Broken };

export interface Bounds {
  maxEntries: number;
  timeoutMs: number;
  /** Asked before each further `every` entries. Verification stops if `isGranted` resolves to false. */
  more?: { every: number; isGranted: () => Promise<boolean> };
}

/**
 * Recomputes a chain from a given position, in one streaming pass with constant memory, and stops at the end of the
 * chain or at a bound. Reads the head after the entries: entries sealed in the meantime can put the head ahead of the
 * entries read, but never behind them.
 */
export async function verifyChain(
  { audit, auditHeads }: Pick<Store, 'audit' | 'auditHeads'>,
  chain: AuditChain,
  from: CheckedChain,
  { maxEntries, timeoutMs, more }: Bounds,
): Promise<ChainVerdict> {
  const deadline = performance.now() + timeoutMs;
  let checked = from;
  let left = maxEntries;
  for await (const doc of audit.sealedAfter(chain, from.seq, maxEntries)) {
    const read = maxEntries - left;
    if (more && read > 0 && read % more.every === 0 && !(await more.isGranted())) {
      return { intact: true, checked, complete: false };
    }
    // Check the type, because a date that was replaced by its ISO string would produce the same hash: both serialize to
    // the same JSON.
    const reason = doc.at instanceof Date ? breakAfter(checked, contentOf(doc), doc) : 'ENTRY_CHANGED';
    if (reason) return broken(reason, checked, doc);
    checked = { seq: doc.seq!, hash: doc.hash!, throughMs: Math.max(checked.throughMs, doc.at.getTime()) };
    left -= 1;
    if (performance.now() > deadline) left = 0;
    if (left === 0) return { intact: true, checked, complete: false };
  }
  // Range queries on numbers skip entries whose `seq` is not a number. These entries sort last, so a single query finds
  // them.
  const last = await audit.lastSealed(chain);
  if (last && typeof last.seq !== 'number') return broken('ENTRY_INSERTED', checked, { _id: last._id });
  const head = await auditHeads.get(chain);
  if ((head?.seq ?? 0) > checked.seq) return verifyTail(audit, chain, checked);
  const seen = head ?? { ...CHAIN_START, sealedThrough: new Date(0) };
  const agrees =
    seen.seq === checked.seq && seen.hash === checked.hash && seen.sealedThrough.getTime() === checked.throughMs;
  if (!agrees) return { intact: false, firstBroken: { seq: checked.seq, auditId: null, reason: 'HEAD_CHANGED' } };
  return { intact: true, checked, complete: true };
}

/**
 * Handles a head that is ahead of the entries read: either more entries have been sealed in the meantime, or the end of
 * the chain was removed.
 */
async function verifyTail(audit: Store['audit'], chain: AuditChain, checked: CheckedChain): Promise<ChainVerdict> {
  for await (const _next of audit.sealedAfter(chain, checked.seq, 1)) {
    return { intact: true, checked, complete: false };
  }
  return { intact: false, firstBroken: { seq: checked.seq + 1, auditId: null, reason: 'ENTRY_MISSING' } };
}

function broken(reason: ChainBreak, after: CheckedChain, { _id, seq }: { _id: string; seq?: unknown }): ChainVerdict {
  const expected = after.seq + 1;
  const gone = reason === 'ENTRY_MISSING';
  return {
    intact: false,
    firstBroken: { seq: gone || typeof seq !== 'number' ? expected : seq, auditId: gone ? null : _id, reason },
  };
}
