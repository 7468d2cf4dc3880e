import { type ChainPosition, CHAIN_START, sealAfter } from '../../shared/domain/audit-chain';
import { type AuditChain, type AuditDoc, contentOf } from '../../shared/store/audit';
import type { AuditHeadDoc } from '../../shared/store/audit-heads';
import type { Store } from '../../shared/store/store';

const SEAL_TIMEOUT_MS = 20_000;

/** Thrown when another sealer has advanced the chain since its head was read. Nothing has been written. */
class ChainOvertakenError extends Error {}

function headAfter(head: AuditHeadDoc | null, page: AuditDoc[], chain: AuditChain, last: ChainPosition): AuditHeadDoc {
  const throughMs = page.reduce((max, { at }) => Math.max(max, at.getTime()), head?.sealedThrough.getTime() ?? 0);
  return { _id: chain, seq: last.seq, hash: last.hash, sealedThrough: new Date(throughMs) };
}

/**
 * Seals the entries in the given order. Uses one transaction, so either all or none of them are sealed. Concurrent
 * sealers cannot fork the chain: each sealer must advance the chain's head from the position that the sealer read, an
 * entry is sealed only once, and a unique index prevents reuse of a sequence number. Entries never change, so it is
 * safe to read them before the transaction.
 */
export async function sealPage(
  store: Pick<Store, 'transaction' | 'audit' | 'auditHeads'>,
  chain: AuditChain,
  page: AuditDoc[],
): Promise<'sealed' | 'overtaken'> {
  const seal = store.transaction(async (session) => {
    const head = await store.auditHeads.get(chain, session);
    let last: ChainPosition = head ?? CHAIN_START;
    const seals = page.map((entry) => {
      const next = sealAfter(last, contentOf(entry));
      last = next;
      return { _id: entry._id, ...next };
    });
    // Write the head first, so that a conflict surfaces before a thousand other writes.
    const { moved } = await store.auditHeads.move(head, headAfter(head, page, chain, last), session);
    if (!moved) throw new ChainOvertakenError();
    if ((await store.audit.seal(chain, seals, session)) !== page.length) throw new ChainOvertakenError();
    return 'sealed' as const;
  }, SEAL_TIMEOUT_MS);
  return seal.catch((error: unknown) => {
    if (error instanceof ChainOvertakenError) return 'overtaken';
    throw error;
  });
}
