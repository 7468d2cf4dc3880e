import { messageOf } from '../../shared/errors';
import type { Secrets } from '../../shared/domain/subject';
import type { Log } from '../../shared/log';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import type { AliveRow, Subtree } from '../../shared/store/agent-tree';
import type { CascadeDoc } from '../../shared/store/cascades';
import { classifyStoreError } from '../../shared/store/errors';
import type { Store, StoreSession } from '../../shared/store/store';
import { revokePage } from './revoke-page';

const PAGE_SIZE = 1_000;
/** Parked agents that a cascade names; more are only counted. */
const MAX_PARKED_NAMED = 1_000;

export interface RevokeDeps {
  store: Pick<Store, 'transaction' | 'agents' | 'audit' | 'cascades'>;
  secrets: Pick<Secrets, 'revokedKey'>;
  log: Log;
  signal: AbortSignal;
}

/** The store will not take this content, however often it is asked. */
function isRejection(error: unknown): boolean {
  return classifyStoreError(error) !== 'transient';
}

/** Revokes a page; what the store refuses is halved until the agents at fault stand alone, and they are parked. */
async function revokeOrPark(
  deps: RevokeDeps,
  cascade: CascadeDoc,
  page: readonly AliveRow[],
  parked: Set<string>,
  session: StoreSession,
): Promise<number> {
  const { log, signal } = deps;
  try {
    return await retryUntilAborted(() => revokePage(deps, cascade, page, session), {
      what: 'cascade page',
      log,
      signal,
      isFatal: isRejection,
    });
  } catch (error) {
    if (signal.aborted || !isRejection(error)) throw error;
    if (page.length === 1) {
      const agentId = page[0]!._id;
      if (parked.size < MAX_PARKED_NAMED) {
        parked.add(agentId);
        log.error({ cascadeId: cascade._id, agentId, err: messageOf(error) }, 'an agent could not be revoked; parked');
      }
      return 0;
    }
    const middle = Math.ceil(page.length / 2);
    const left = await revokeOrPark(deps, cascade, page.slice(0, middle), parked, session);
    return left + (await revokeOrPark(deps, cascade, page.slice(middle), parked, session));
  }
}

/** The alive agents of a subtree, in pages; those that are parked already are left out. */
async function* pagesOf(
  { store }: RevokeDeps,
  subtree: Subtree,
  parked: ReadonlySet<string>,
): AsyncGenerator<AliveRow[], void> {
  let page: AliveRow[] = [];
  for await (const row of store.agents.aliveIn(subtree, PAGE_SIZE)) {
    if (!parked.has(row._id)) page.push(row);
    if (page.length < PAGE_SIZE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/**
 * One pass over what is alive in the killed subtree: each session takes the next page when it is done with its last one,
 * so as many transactions run at once as there are sessions. Returns how many agents were revoked; `onRevoked` is called
 * after each page. After an error no page is begun, and it is thrown when the others have ended.
 */
export async function revokeInPages(
  deps: RevokeDeps,
  cascade: CascadeDoc,
  subtree: Subtree,
  parked: Set<string>,
  sessions: readonly StoreSession[],
  onRevoked: (count: number) => void,
): Promise<number> {
  const pages = pagesOf(deps, subtree, parked);
  let revoked = 0;
  const revokePages = async (session: StoreSession): Promise<void> => {
    // Leaving the loop by an error ends the pages for the other sessions, too.
    for await (const page of pages) {
      deps.signal.throwIfAborted();
      const count = await revokeOrPark(deps, cascade, page, parked, session);
      revoked += count;
      onRevoked(count);
    }
  };
  const ended = await Promise.allSettled(sessions.map(revokePages));
  const failed = ended.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return revoked;
}
