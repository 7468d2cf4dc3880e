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
/** Maximum number of quarantined agents that a cascade lists. Any further agents are only counted. */
const MAX_QUARANTINED_LISTED = 1_000;

export interface RevokeDeps {
  store: Pick<Store, 'transaction' | 'agents' | 'audit' | 'cascades'>;
  secrets: Pick<Secrets, 'revokedKey'>;
  log: Log;
  signal: AbortSignal;
}

/** Returns true if the database rejects the content, in which case no retry can succeed. */
function isRejection(error: unknown): boolean {
  return classifyStoreError(error) !== 'transient';
}

/**
 * Revokes a page. If the database rejects the page, splits it in half repeatedly to isolate the offending agents, and
 * quarantines these agents. Returns how many agents were revoked.
 */
async function revokeOrQuarantine(
  deps: RevokeDeps,
  cascade: CascadeDoc,
  page: readonly AliveRow[],
  quarantined: Set<string>,
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
      if (quarantined.size < MAX_QUARANTINED_LISTED) {
        quarantined.add(agentId);
        log.error(
          { cascadeId: cascade._id, agentId, err: messageOf(error) },
          'agent could not be revoked, quarantined',
        );
      }
      return 0;
    }
    const middle = Math.ceil(page.length / 2);
    const left = await revokeOrQuarantine(deps, cascade, page.slice(0, middle), quarantined, session);
    return left + (await revokeOrQuarantine(deps, cascade, page.slice(middle), quarantined, session));
  }
}

/** Yields the living agents in a subtree in pages, excluding agents that are already quarantined. */
async function* pagesOf(
  { store }: RevokeDeps,
  subtree: Subtree,
  quarantined: ReadonlySet<string>,
): AsyncGenerator<AliveRow[], void> {
  let page: AliveRow[] = [];
  for await (const row of store.agents.aliveIn(subtree, PAGE_SIZE)) {
    if (!quarantined.has(row._id)) page.push(row);
    if (page.length < PAGE_SIZE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/**
 * Makes one pass over the living agents in the killed subtree. Each session takes another page whenever it finishes
 * one, so each session has one open transaction at a time. Calls `onRevoked` after each page and returns how many
 * agents were revoked. After an error, does not start any new pages and throws the error once the pages in progress
 * have finished.
 */
export async function revokeInPages(
  deps: RevokeDeps,
  cascade: CascadeDoc,
  subtree: Subtree,
  quarantined: Set<string>,
  sessions: readonly StoreSession[],
  onRevoked: (count: number) => void,
): Promise<number> {
  const pages = pagesOf(deps, subtree, quarantined);
  let revoked = 0;
  const revokePages = async (session: StoreSession): Promise<void> => {
    // An error here ends the generator, so the other sessions do not get any further pages.
    for await (const page of pages) {
      deps.signal.throwIfAborted();
      const count = await revokeOrQuarantine(deps, cascade, page, quarantined, session);
      revoked += count;
      onRevoked(count);
    }
  };
  const results = await Promise.allSettled(sessions.map(revokePages));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return revoked;
}
