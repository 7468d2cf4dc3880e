import { DelayedError, type Job } from 'bullmq';
import type { SignalsCache } from '../../shared/cache/signals-cache';
import type { Tenant, UserRef } from '../../shared/domain/ids';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { failedJobs, queueKeys } from '../../shared/queue/bullmq-internals';
import { isQueuedUpTo } from '../../shared/queue/sweep-open-chunks';
import type { ErasureDoc } from '../../shared/store/erasures';
import type { Store } from '../../shared/store/store';
import { putSignals } from '../events/put-signals';
import { redactDeadLetter, type RedactDeps } from './redact-dead-letter';

const PAGE_EVENTS = 1_000;
/** How soon to check again whether what was queued has been finalized: the longer it takes, the later, up to the last. */
const FIRST_LOOK_AGAIN_MS = 500;
const LAST_LOOK_AGAIN_MS = 10_000;
const LOOKS_PER_AGE = 10;

interface Deps extends RedactDeps {
  store: Pick<Store, 'events' | 'erasures' | 'users'>;
  cache: Pick<SignalsCache, 'putNewer'>;
  log: Log;
}

/** One dead letter at a time: a thousand are more than a process can hold. Later ones do not contain the events. */
async function redactDeadLetters(deps: Deps, tenant: Tenant, userRef: UserRef): Promise<void> {
  const { link, keys, events } = deps;
  for (const { id } of await failedJobs(link.client, queueKeys(keys, events.name))) {
    await redactDeadLetter(deps, id, tenant, userRef);
  }
}

/**
 * Carries out an order to erase a user: deletes what was received up to then, in bounded pages. The counters and
 * the link were dealt with when the order was given, and the committer drops what is still queued; until it has, the
 * order is put off. May be stopped anywhere and done twice.
 */
export async function deleteUserEvents(deps: Deps, receiptId: string, job: Job, token?: string): Promise<void> {
  const { store, link, keys, log, signal } = deps;
  const erasure: ErasureDoc | null = await store.erasures.byId(receiptId);
  if (erasure?.status !== 'RUNNING' || erasure.userRef === undefined) return;
  const { tenant, userRef, erasedAt } = erasure;
  for (;;) {
    signal.throwIfAborted();
    const { found, erased } = await store.events.erasePage(tenant, userRef, erasedAt, PAGE_EVENTS);
    if (found === 0) break;
    await store.erasures.recordErased(receiptId, erased);
  }
  const nowMs = Date.now();
  if (await isQueuedUpTo(link, keys, tenant, erasedAt.getTime(), nowMs)) {
    const ageMs = nowMs - erasedAt.getTime();
    const waitMs = Math.min(LAST_LOOK_AGAIN_MS, Math.max(FIRST_LOOK_AGAIN_MS, ageMs / LOOKS_PER_AGE));
    // The job stays what it is, so that the sweep adds no other beside it.
    await job.moveToDelayed(nowMs + waitMs, token);
    throw new DelayedError();
  }
  try {
    await redactDeadLetters(deps, tenant, userRef);
  } catch (error) {
    log.warn({ receiptId, err: messageOf(error) }, 'redacting dead letters failed, retrying');
    throw error;
  }
  // Whoever took the order may have died before the cache heard of it; DONE is told of what no reader sees any more.
  await putSignals(deps, await store.users.rows([userRef]));
  await store.erasures.close(receiptId, new Date());
}
