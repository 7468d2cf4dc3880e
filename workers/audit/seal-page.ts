import { type ChainPosition, CHAIN_START, sealAfter } from '../../shared/domain/audit-chain';
import { type AuditChain, type AuditDoc, contentOf } from '../../shared/store/audit';
import type { AuditHeadDoc } from '../../shared/store/audit-heads';
import type { Store } from '../../shared/store/store';

const SEAL_TIMEOUT_MS = 20_000;

/** Another sealer was at this chain between our read and our write; nothing was written. */
class ChainOvertakenError extends Error {}

function headAfter(head: AuditHeadDoc | null, page: AuditDoc[], chain: AuditChain, last: ChainPosition): AuditHeadDoc {
  const throughMs = page.reduce((max, { at }) => Math.max(max, at.getTime()), head?.sealedThrough.getTime() ?? 0);
  return { _id: chain, seq: last.seq, hash: last.hash, sealedThrough: new Date(throughMs) };
}

/**
 * Seals entries, in the order given, in one transaction: all of them or none. Racing sealers cannot fork the chain:
 * both write its head, which moves on only from where it was read, an entry is sealed only once, and a number is
 * given only once (unique index). The entries never change, so they may have been read before.
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
    // The head first: a racing sealer's conflict shows before a thousand writes are spent on it.
    const { moved } = await store.auditHeads.move(head, headAfter(head, page, chain, last), session);
    if (!moved) throw new ChainOvertakenError();
    if ((await store.audit.seal(seals, session)) !== page.length) throw new ChainOvertakenError();
    return 'sealed' as const;
  }, SEAL_TIMEOUT_MS);
  return seal.catch((error: unknown) => {
    if (error instanceof ChainOvertakenError) return 'overtaken';
    throw error;
  });
}
