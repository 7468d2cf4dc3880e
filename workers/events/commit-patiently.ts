import { messageOf } from '../../shared/platform/errors';
import type { Log } from '../../shared/platform/log';
import type { Metrics } from '../../shared/platform/metrics';
import { withPatience } from '../../shared/platform/patience';
import { classifyStoreError } from '../../shared/store/errors';
import type { Store, StoreSession } from '../../shared/store/store';
import { commitGroup } from './commit-group';
import type { GroupResult, PendingEvent } from './pending';
import { withoutContent } from './without-content';

interface Deps {
  store: Pick<Store, 'transaction' | 'events' | 'users'>;
  log: Log;
  metrics: Metrics;
  signal: AbortSignal;
}

/**
 * Commits a group whatever it takes: waits out an outage, reads again after a racing twin, and splits only when the
 * store refuses the content, until the item at fault stands alone and is FAILED while all others are in.
 */
export async function commitPatiently(deps: Deps, group: PendingEvent[], session: StoreSession): Promise<GroupResult> {
  const { store, log, metrics, signal } = deps;
  let lookUpAll = false;
  try {
    return await withPatience(
      async () => {
        try {
          return await commitGroup(store, group, lookUpAll, session);
        } catch (error) {
          const failure = classifyStoreError(error);
          metrics.commitRetries[failure].inc();
          lookUpAll ||= failure !== 'rejected';
          throw error;
        }
      },
      { what: 'commit', log, signal, isFatal: (error) => classifyStoreError(error) === 'rejected' },
    );
  } catch (error) {
    if (signal.aborted || classifyStoreError(error) !== 'rejected') throw error;
    if (group.length > 1) return commitHalves(deps, group, session);
    const pending = group[0]!;
    // It goes into logs, the receipt and the dead letter.
    const message = withoutContent(messageOf(error), pending.event.metadata);
    log.error({ err: message, eventId: pending.event.eventId }, 'the store refuses an event');
    const decision = { pending, outcome: 'FAILED', code: 'STORE_REFUSED', message } as const;
    return { decisions: [decision], rows: new Map() };
  }
}

async function commitHalves(deps: Deps, group: PendingEvent[], session: StoreSession): Promise<GroupResult> {
  const middle = Math.ceil(group.length / 2);
  const left = await commitPatiently(deps, group.slice(0, middle), session);
  const right = await commitPatiently(deps, group.slice(middle), session);
  return { decisions: [...left.decisions, ...right.decisions], rows: new Map([...left.rows, ...right.rows]) };
}
