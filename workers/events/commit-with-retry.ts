import { STORE_REFUSED_MESSAGE } from '../../shared/domain/receipt';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { Metrics } from '../../shared/metrics/metrics';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import { classifyStoreError, isTransactionTooSlow } from '../../shared/store/errors';
import type { Store, StoreSession } from '../../shared/store/store';
import { commitGroup } from './commit-group';
import type { GroupResult, PendingEvent } from './pending';
import { redactErrorMessage } from './redact-error-message';

interface Deps {
  store: Pick<Store, 'transaction' | 'events' | 'users'>;
  log: Log;
  metrics: Metrics;
  signal: AbortSignal;
  /** Maximum number of documents per operation of the transaction. */
  docsPerOperation: number;
  /** Called for each attempt that failed. */
  onAborted: () => void;
}

/**
 * Number of times that the database must reject an event on its own before the event is FAILED. Some servers also reject
 * a commit, with an error code that says nothing about the cause, because its transaction was aborted meanwhile.
 */
const REJECTIONS_UNTIL_FAILED = 3;

/**
 * Commits a group, retrying until it succeeds or `signal` is aborted: waits out outages, and looks up all events after
 * a failed attempt. If the database rejects the content, splits the group in half repeatedly, so that only the
 * offending events are FAILED and all others are committed. Also splits a group whose transaction takes too long.
 */
export async function commitWithRetry(
  deps: Deps,
  group: PendingEvent[],
  session: StoreSession,
  rejections = 1,
): Promise<GroupResult> {
  const { store, log, metrics, signal, docsPerOperation } = deps;
  let lookUpAll = false;
  const mustSplit = (error: unknown): boolean =>
    group.length > 1 && (classifyStoreError(error) === 'rejected' || isTransactionTooSlow(error));
  try {
    return await retryUntilAborted(
      async () => {
        try {
          return await commitGroup(store, group, { lookUpAll, docsPerOperation }, session);
        } catch (error) {
          const failure = classifyStoreError(error);
          metrics.commitRetries[failure].inc();
          deps.onAborted();
          lookUpAll ||= failure !== 'rejected';
          throw error;
        }
      },
      {
        what: 'commit',
        log,
        signal,
        isFatal: (error) => mustSplit(error) || classifyStoreError(error) === 'rejected',
      },
    );
  } catch (error) {
    if (signal.aborted) throw error;
    if (mustSplit(error)) return commitHalves(deps, group, session);
    if (classifyStoreError(error) !== 'rejected') throw error;
    if (rejections < REJECTIONS_UNTIL_FAILED) return commitWithRetry(deps, group, session, rejections + 1);
    const pending = group[0]!;
    const err = redactErrorMessage(messageOf(error), pending.event.metadata);
    const { event, of } = pending;
    log.error({ err, chunkId: of.chunk.chunkId, eventId: event.eventId }, 'event rejected by the database');
    // The receipt and the dead letter omit the driver's message, which may quote event content.
    const decision = { pending, outcome: 'FAILED', code: 'STORE_REFUSED', message: STORE_REFUSED_MESSAGE } as const;
    return { decisions: [decision], rows: new Map() };
  }
}

async function commitHalves(deps: Deps, group: PendingEvent[], session: StoreSession): Promise<GroupResult> {
  const middle = Math.ceil(group.length / 2);
  const left = await commitWithRetry(deps, group.slice(0, middle), session);
  const right = await commitWithRetry(deps, group.slice(middle), session);
  return { decisions: [...left.decisions, ...right.decisions], rows: new Map([...left.rows, ...right.rows]) };
}
