import type { AuditChain, AuditDoc } from '../../shared/store/audit';
import type { Store } from '../../shared/store/store';
import { sealPage } from './seal-page';

/** Maximum number of entries sealed per transaction. */
const MAX_ENTRIES_PER_PAGE = 1_000;
/** Limits the number of entries sealed per visit, so that a burst in one chain does not delay the others. */
const MAX_ENTRIES_PER_VISIT = 20_000;

/**
 * Seals a chain's unsealed entries page by page, oldest first. Waits for `onSealed` between pages, and stops early if
 * another sealer is working on the chain. An entry that is committed late with an earlier time is sealed after the
 * others, because sealed entries are never rewritten.
 */
export async function sealChain(
  store: Pick<Store, 'transaction' | 'audit' | 'auditHeads'>,
  chain: AuditChain,
  { signal, onSealed }: { signal: AbortSignal; onSealed: (entries: number, tookMs: number) => Promise<void> | void },
): Promise<void> {
  const seal = async (page: AuditDoc[]): Promise<boolean> => {
    const startedAt = performance.now();
    if ((await sealPage(store, chain, page)) === 'overtaken') return false;
    await onSealed(page.length, performance.now() - startedAt);
    return !signal.aborted;
  };
  let page: AuditDoc[] = [];
  for await (const entry of store.audit.unsealed(chain, MAX_ENTRIES_PER_VISIT, MAX_ENTRIES_PER_PAGE)) {
    page.push(entry);
    if (page.length < MAX_ENTRIES_PER_PAGE) continue;
    if (!(await seal(page))) return;
    page = [];
  }
  if (page.length > 0) await seal(page);
}
