import type { Tenant } from '../../shared/domain/ids';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import type { CacheOutboxDoc } from '../../shared/store/cache-outbox';
import type { Store } from '../../shared/store/store';
import { wakeForAttempt } from '../../shared/webhooks/wake-deliveries';
import { recoverDeliveries } from '../webhooks/recover-deliveries';
import { repeat } from './repeat';

const SWEEP_EVERY_MS = 5_000;
/** Shorter than `SWEEP_EVERY_MS`, because a person may be waiting for the refreshed rows. */
const REFRESH_EVERY_MS = 1_000;
const RECOVER_EVERY_MS = 1_000;
export const MAX_ROWS_PER_RUN = 500;
const BEFORE_ALL = new Date(-1);

/**
 * Returns a function that reads the next due rows on each call, and starts over after the last one. Rows whose jobs are
 * still queued stay due. If each call read the longest overdue rows, a tenant with many of them would keep the sweep
 * from finding other tenants' lost jobs.
 */
export function inTurns<Row extends { nextLookAt: Date }>(
  due: (after: Date, now: Date, limit: number) => Promise<Row[]>,
): () => Promise<Row[]> {
  let after = BEFORE_ALL;
  return async () => {
    const rows = await due(after, new Date(), MAX_ROWS_PER_RUN);
    after = rows.length < MAX_ROWS_PER_RUN ? BEFORE_ALL : rows.at(-1)!.nextLookAt;
    return rows;
  };
}

/**
 * Redoes or requeues work that was committed but not completed: refreshing cached rows, delivering and recovering
 * webhook messages, erasing users and sending emails. Jobs are only wake-ups, so a crash after a commit but before its job is queued does not lose
 * any work. Returns a function that stops the sweeps.
 */
export function requeueLostJobs(deps: {
  store: Pick<Store, 'cacheOutbox' | 'deliveries' | 'webhooks' | 'erasures' | 'queuedMails'>;
  webhookQueue: WakeUpQueue;
  erasureQueue: WakeUpQueue;
  /** Null if email is off. */
  mailQueue: WakeUpQueue | null;
  refresh: (entry: CacheOutboxDoc) => Promise<void>;
  log: Log;
}): () => void {
  const { store, webhookQueue, erasureQueue, mailQueue, refresh, log } = deps;
  const dueDeliveries = inTurns((after, now, limit) => store.deliveries.due(after, now, limit));
  const dueErasures = inTurns((after, now, limit) => store.erasures.due(after, now, limit));
  const dueMails = inTurns((after, now, limit) => store.queuedMails.due(after, now, limit));
  const stops = [
    repeat(REFRESH_EVERY_MS, 'cache outbox sweep', log, async () => {
      for (const entry of await store.cacheOutbox.due(new Date(), MAX_ROWS_PER_RUN)) {
        // A failed entry must not block the others.
        await refresh(entry).catch((error: unknown) => log.warn({ err: messageOf(error) }, 'cache refresh failed'));
      }
    }),
    repeat(SWEEP_EVERY_MS, 'webhook sweep', log, async () => {
      for (const delivery of await dueDeliveries()) await wakeForAttempt(webhookQueue, delivery);
    }),
    repeat(RECOVER_EVERY_MS, 'recovery of webhook messages', log, () =>
      recoverDeliveries({ store, queue: webhookQueue }),
    ),
    repeat(SWEEP_EVERY_MS, 'erasure sweep', log, async () => {
      const seen = new Map<Tenant, number>();
      for (const { _id, tenant } of await dueErasures()) {
        const priority = (seen.get(tenant) ?? 0) + 1;
        seen.set(tenant, priority);
        await erasureQueue.add(_id, { priority });
      }
    }),
    repeat(SWEEP_EVERY_MS, 'email sweep', log, async () => {
      if (mailQueue === null) return;
      for (const { _id } of await dueMails()) await mailQueue.add(_id);
    }),
  ];
  return () => stops.forEach(({ stop }) => stop());
}
