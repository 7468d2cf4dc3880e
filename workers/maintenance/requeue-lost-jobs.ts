import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import type { CacheOutboxDoc } from '../../shared/store/cache-outbox';
import type { Store } from '../../shared/store/store';
import { repeat } from './repeat';

const SWEEP_EVERY_MS = 5_000;
/** Shorter than `SWEEP_EVERY_MS`, because a person may be waiting for the refreshed rows. */
const REFRESH_EVERY_MS = 1_000;
const MAX_ROWS_PER_RUN = 500;

/**
 * Redoes or requeues work that was committed but not completed: refreshing cached rows, delivering webhooks and erasing
 * users. Jobs are only wake-ups, so a crash after a commit but before its job is queued does not lose any work. Returns
 * a function that stops the sweeps.
 */
export function requeueLostJobs(deps: {
  store: Pick<Store, 'cacheOutbox' | 'deliveries' | 'erasures'>;
  webhookQueue: WakeUpQueue;
  erasureQueue: WakeUpQueue;
  refresh: (entry: CacheOutboxDoc) => Promise<void>;
  log: Log;
}): () => void {
  const { store, webhookQueue, erasureQueue, refresh, log } = deps;
  const stops = [
    repeat(REFRESH_EVERY_MS, 'cache outbox sweep', log, async () => {
      for (const entry of await store.cacheOutbox.due(new Date(), MAX_ROWS_PER_RUN)) {
        // A failed entry must not block the others.
        await refresh(entry).catch((error: unknown) => log.warn({ err: messageOf(error) }, 'cache refresh failed'));
      }
    }),
    repeat(SWEEP_EVERY_MS, 'webhook sweep', log, async () => {
      for (const { _id, attempts } of await store.deliveries.due(new Date(), MAX_ROWS_PER_RUN)) {
        await webhookQueue.add(_id, { attempt: attempts, delayMs: 0 });
      }
    }),
    repeat(SWEEP_EVERY_MS, 'erasure sweep', log, async () => {
      for (const { _id } of await store.erasures.due(new Date(), MAX_ROWS_PER_RUN)) await erasureQueue.add(_id);
    }),
  ];
  return () => stops.forEach(({ stop }) => stop());
}
