import { messageOf } from '../../shared/errors';
import type { Secrets } from '../../shared/domain/subject';
import type { Log } from '../../shared/log';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import type { AliveRow, Subtree } from '../../shared/store/agent-tree';
import type { CascadeDoc } from '../../shared/store/cascades';
import { classifyStoreError } from '../../shared/store/errors';
import type { Store, StoreSession } from '../../shared/store/store';
import type { CascadeSessions } from './cascade-sessions';
import { revokePage } from './revoke-page';

const PAGE_SIZE = 1_000;
export const PAGES_IN_FLIGHT = 2;
/** Parked agents that a cascade names; more are only counted. */
const MAX_PARKED_NAMED = 1_000;

export interface RevokeDeps {
  store: Pick<Store, 'transaction' | 'openSession' | 'killSessions' | 'agents' | 'audit' | 'cascades'>;
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

/**
 * One pass over what is alive in the killed subtree: pages in a bounded number of transactions at once. What
 * is parked already is passed over. Answers how many it revoked; `onRevoked` hears of each page.
 */
export async function revokeInPages(
  deps: RevokeDeps,
  cascade: CascadeDoc,
  subtree: Subtree,
  parked: Set<string>,
  sessions: CascadeSessions,
  onRevoked: (count: number) => void,
): Promise<number> {
  const { store, signal } = deps;
  const running = new Set<Promise<void>>();
  let revoked = 0;
  let failure: Error | null = null;
  const start = async (page: readonly AliveRow[]): Promise<void> => {
    const work: Promise<void> = sessions
      .use((session) => revokeOrPark(deps, cascade, page, parked, session))
      .then((count) => {
        revoked += count;
        onRevoked(count);
      })
      .catch((error: unknown) => {
        failure ??= error as Error;
      })
      .finally(() => running.delete(work));
    running.add(work);
    if (running.size >= PAGES_IN_FLIGHT) await Promise.race(running);
    signal.throwIfAborted();
    if (failure) throw failure;
  };
  try {
    let page: AliveRow[] = [];
    for await (const row of store.agents.aliveIn(subtree, PAGE_SIZE)) {
      if (!parked.has(row._id)) page.push(row);
      if (page.length < PAGE_SIZE) continue;
      await start(page);
      page = [];
    }
    if (page.length > 0) await start(page);
  } finally {
    await Promise.all(running);
  }
  if (failure) throw failure as Error;
  return revoked;
}
