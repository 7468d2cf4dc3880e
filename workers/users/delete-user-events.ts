import { DelayedError, type Job, type Queue } from 'bullmq';
import type { SignalsCache } from '../../shared/cache/signals-cache';
import type { Tenant, UserRef } from '../../shared/domain/ids';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { failedJobs, queueKeys } from '../../shared/queue/bullmq-internals';
import { isQueuedUpTo } from '../../shared/queue/sweep-open-chunks';
import type { ErasureDoc } from '../../shared/store/erasures';
import type { Store } from '../../shared/store/store';
import { refreshSignals } from '../events/put-signals';
import { redactDeadLetter, type RedactDeps } from './redact-dead-letter';

export const PAGE_EVENTS = 1_000;
const PAGE_TIMEOUT_MS = 30_000;
/**
 * Number of pages that an erasure deletes before other waiting erasures get a turn. Bounds how long a tenant with large
 * erasures delays the others.
 */
export const PAGES_PER_TURN = 20;
/** Delay before rechecking whether queued chunks are finalized: a tenth of the erasure's age, within these limits. */
const MIN_RECHECK_MS = 500;
const MAX_RECHECK_MS = 10_000;
const RECHECKS_PER_AGE = 10;

interface Deps extends RedactDeps {
  /** The event queues, whose dead letters contain event payloads. */
  eventQueues: readonly Queue[];
  store: Pick<Store, 'transaction' | 'events' | 'erasures' | 'users'>;
  cache: Pick<SignalsCache, 'fence' | 'putNewer'>;
  log: Log;
}

/**
 * Redacts dead letters one by one, because a thousand payloads may not fit in memory. Dead letters that are created
 * later do not contain the events.
 */
async function redactDeadLetters(deps: Deps, tenant: Tenant, userRef: UserRef): Promise<void> {
  const { link, keys, eventQueues } = deps;
  for (const queue of eventQueues) {
    for (const { id } of await failedJobs(link.client, queueKeys(keys, queue.name))) {
      await redactDeadLetter(deps, queue, id, tenant, userRef);
    }
  }
}

/**
 * Deletes a page of the user's events and counts them in one transaction, so the count survives a crash, and events that
 * a concurrent commit stores under the same IDs are not deleted. Returns the number of deleted events.
 */
function erasePage({ store }: Deps, { _id, tenant, erasedAt }: ErasureDoc, userRef: UserRef): Promise<number> {
  return store.transaction(async (session) => {
    const erased = await store.events.erasePage(tenant, userRef, erasedAt, PAGE_EVENTS, session);
    if (erased > 0) await store.erasures.recordErased(_id, erased, session);
    return erased;
  }, PAGE_TIMEOUT_MS);
}

/**
 * Carries out an erasure: deletes the events received up to the time of the request, in bounded pages. The request
 * itself has already reset the counters and removed the link, and the committer drops events that are still queued.
 * While any events are queued, and after each turn, the job is delayed. Safe to interrupt and to run twice.
 */
export async function deleteUserEvents(deps: Deps, receiptId: string, job: Job, token?: string): Promise<void> {
  const { store, link, keys, log, signal } = deps;
  const erasure: ErasureDoc | null = await store.erasures.byId(receiptId);
  if (erasure?.status !== 'RUNNING' || erasure.userRef === undefined) return;
  const { tenant, userRef, erasedAt } = erasure;
  for (let pages = 0; ; pages += 1) {
    signal.throwIfAborted();
    if (pages === PAGES_PER_TURN) {
      await job.moveToDelayed(Date.now(), token);
      throw new DelayedError();
    }
    if ((await erasePage(deps, erasure, userRef)) === 0) break;
  }
  const nowMs = Date.now();
  if (await isQueuedUpTo(link, keys, tenant, erasedAt.getTime(), nowMs)) {
    const ageMs = nowMs - erasedAt.getTime();
    const waitMs = Math.min(MAX_RECHECK_MS, Math.max(MIN_RECHECK_MS, ageMs / RECHECKS_PER_AGE));
    // Delay this job instead of completing it, so that the sweep does not add another job.
    await job.moveToDelayed(nowMs + waitMs, token);
    throw new DelayedError();
  }
  try {
    await redactDeadLetters(deps, tenant, userRef);
  } catch (error) {
    log.warn({ receiptId, err: messageOf(error) }, 'redacting dead letters failed, retrying');
    throw error;
  }
  // The API process may have died before it updated the cache. Update it here, because DONE promises that no reader
  // sees the events anymore.
  await refreshSignals(deps, [userRef]);
  await store.erasures.close(receiptId, new Date());
}
