import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import type { CacheOutboxDoc } from '../../shared/store/cache-outbox';
import type { Store } from '../../shared/store/store';
import { repeat } from './repeat';

const SWEEP_EVERY_MS = 5_000;
/** Cached rows that a person waits for are looked for more often. */
const REFRESHES_EVERY_MS = 1_000;
const MAX_ROWS_PER_LOOK = 500;

/**
 * Takes up what was committed and is not done yet: rows that the cache has to hear of, messages to send, users to
 * erase. Jobs are only wake-ups; a crash between a commit and its job loses nothing. Returns the stop.
 */
export function sweepOutbox(deps: {
  store: Pick<Store, 'cacheOutbox' | 'deliveries' | 'erasures'>;
  webhookQueue: WakeUpQueue;
  erasureQueue: WakeUpQueue;
  refresh: (note: CacheOutboxDoc) => Promise<void>;
  log: Log;
}): () => void {
  const { store, webhookQueue, erasureQueue, refresh, log } = deps;
  const stops = [
    repeat(REFRESHES_EVERY_MS, 'refreshing linked rows', log, async () => {
      for (const note of await store.cacheOutbox.due(new Date(), MAX_ROWS_PER_LOOK)) {
        // One note that cannot be followed must not stand before all others.
        await refresh(note).catch((error: unknown) => log.warn({ err: messageOf(error) }, 'a note was not followed'));
      }
    }),
    repeat(SWEEP_EVERY_MS, 'taking up webhooks', log, async () => {
      for (const { _id, attempts } of await store.deliveries.due(new Date(), MAX_ROWS_PER_LOOK)) {
        await webhookQueue.add(_id, { attempt: attempts, delayMs: 0 });
      }
    }),
    repeat(SWEEP_EVERY_MS, 'taking up erasures', log, async () => {
      for (const { _id } of await store.erasures.due(new Date(), MAX_ROWS_PER_LOOK)) await erasureQueue.add(_id);
    }),
  ];
  return () => stops.forEach(({ stop }) => stop());
}
