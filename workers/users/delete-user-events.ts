import { DelayedError, type Job } from 'bullmq';
import type { SignalsCache } from '../../shared/cache/signals-cache';
import { createSemaphore, type Semaphore } from '../../shared/concurrency/semaphore';
import { type ChunkId, partnerOf, type UserRef } from '../../shared/domain/ids';
import type { Log } from '../../shared/log';
import { removeFinalized, type TenantChunk } from '../../shared/queue/finalize-chunks';
import type { InspectedQueues } from '../../shared/queue/queues';
import { findChunkJobs, hasOpenChunks, sweepOpenChunks } from '../../shared/queue/sweep-open-chunks';
import { recordErasedContent } from '../../shared/redis/append-only-file';
import { advancePastErasure } from '../../shared/redis/clock';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { ErasureDoc } from '../../shared/store/erasures';
import type { Store } from '../../shared/store/store';
import type { WakeUpQueue } from '../../shared/queue/wake-up-queue';
import { announce } from '../../shared/webhooks/announce';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import { refreshSignals } from '../events/put-signals';
import { type ErasedEvents, holdsContent, redactDeadLetter, type RedactDeps } from './redact-dead-letter';

export const PAGE_EVENTS = 1_000;
const PAGE_TIMEOUT_MS = 30_000;
/**
 * Number of pages that an erasure deletes before other waiting erasures get a turn. Bounds how long a tenant with large
 * erasures delays the others.
 */
export const PAGES_PER_TURN = 20;
/**
 * Number of a tenant's erasures that may take full turns at the same time in each process. The turns of its others end
 * after a page, so a tenant with many large erasures leaves a slot to the others.
 */
const FULL_TURNS_PER_TENANT = 1;
/** Delay before rechecking whether queued chunks are finalized: a tenth of the erasure's age, within these limits. */
const MIN_RECHECK_MS = 500;
export const MAX_RECHECK_MS = 10_000;
const RECHECKS_PER_AGE = 10;

/** Creates the permits for full turns that all erasures of a process share, counted per tenant. */
export function createFullTurns(): Semaphore {
  const onFull = (): Error => new Error('another erasure of this tenant takes a full turn');
  return createSemaphore({ maxAtOnce: FULL_TURNS_PER_TENANT, maxWaiting: 0, onFull });
}

interface Deps extends RedactDeps {
  fullTurns: Semaphore;
  queues: InspectedQueues;
  store: Pick<Store, 'transaction' | 'events' | 'erasures' | 'users' | 'webhooks' | 'deliveries'>;
  webhookQueue: Pick<WakeUpQueue, 'add'>;
  cache: Pick<SignalsCache, 'fence' | 'putNewer'>;
  log: Log;
}

/**
 * Redacts the events in the tenant's dead letters, one by one, because a thousand payloads may not fit in memory.
 * Returns whether any of the tenant's finalized chunks is still queued with these events, so that it may yet become a
 * dead letter. Chunks without a job are removed.
 */
async function redactFinalized(deps: Deps, erased: ErasedEvents): Promise<boolean> {
  const { link, keys } = deps;
  const { tenant } = erased;
  const ids = await link.client.zrange(keys.finalizedChunks(tenant), 0, -1);
  const jobs = await findChunkJobs(link, keys, ids);
  let isQueued = false;
  const gone: TenantChunk[] = [];
  for (const [n, id] of ids.entries()) {
    const job = jobs[n]!;
    if (job.state === 'none') gone.push({ chunkId: id as ChunkId, tenant });
    else if (job.state === 'failed') await redactDeadLetter(deps, { ...job, id }, erased);
    else isQueued ||= await holdsContent(deps, { ...job, id }, erased);
  }
  await removeFinalized(link, keys, gone);
  return isQueued;
}

/**
 * Deletes a page of the user's events and counts them in one transaction, so the count survives a crash, and events that
 * a concurrent commit stores under the same IDs are not deleted. Returns the number of deleted events.
 */
function erasePage({ store }: Deps, erasure: ErasureDoc, userRef: UserRef): Promise<number> {
  const { tenant, erasedAt } = erasure;
  return store.transaction(async (session) => {
    const erased = await store.events.erasePage(tenant, userRef, erasedAt, PAGE_EVENTS, session);
    if (erased > 0) await store.erasures.recordErased(erasure, erased, session);
    return erased;
  }, PAGE_TIMEOUT_MS);
}

/** Deletes pages of the user's events for one turn. Returns whether no events are left. */
async function erasePages(deps: Deps, erasure: ErasureDoc, userRef: UserRef): Promise<boolean> {
  const release = await deps.fullTurns.acquire(erasure.tenant).catch(() => null);
  try {
    const maxPages = release ? PAGES_PER_TURN : 1;
    for (let pages = 1; ; pages += 1) {
      deps.signal.throwIfAborted();
      const erased = await erasePage(deps, erasure, userRef);
      if (erased === 0) return true;
      // A page that is not full is the last one, so it does not end the turn: one more look shows that none are left.
      if (pages >= maxPages && erased === PAGE_EVENTS) return false;
    }
  } finally {
    release?.();
  }
}

/** Closes the erasure and announces that, unless another worker has closed it. */
async function close({ store, webhookQueue }: Deps, erasure: ErasureDoc): Promise<void> {
  const { _id: receiptId, tenant } = erasure;
  const at = new Date();
  const deliveryIds = await store.transaction(async (session) => {
    const closed = await store.erasures.close(erasure, at, session);
    if (!closed) return [];
    const data = { receiptId, eventsErased: closed.eventsErased };
    return announce({ store }, { tenant, type: 'erasure.done', data, at }, session);
  }, STORE_TIMEOUT_MS);
  wakeDeliveries(webhookQueue, deliveryIds);
}

/**
 * Carries out an erasure: deletes the events received up to the time of the request, in bounded pages. The request
 * itself has already reset the counters and removed the link, and the committer drops events that are still queued.
 * While any events are queued, and after each turn, the job is delayed. Safe to interrupt and to run twice.
 */
export async function deleteUserEvents(deps: Deps, receiptId: string, job: Job, token?: string): Promise<void> {
  const { store, link, keys } = deps;
  const erasure: ErasureDoc | null = await store.erasures.byId(receiptId);
  if (erasure?.status !== 'RUNNING' || erasure.userRef === undefined) return;
  const { tenant, userRef, erasedAt } = erasure;
  if (!(await erasePages(deps, erasure, userRef))) {
    await job.moveToDelayed(Date.now(), token);
    throw new DelayedError();
  }
  const nowMs = await advancePastErasure(link.client, keys, partnerOf(tenant), erasedAt);
  await sweepOpenChunks(link, keys, tenant, nowMs);
  // A chunk that is open is not finalized yet, so the finalized chunks are read only once no chunk is open.
  const isQueued =
    (await hasOpenChunks(link, keys, tenant, erasedAt.getTime())) ||
    (await redactFinalized(deps, { tenant, userRef, erasedAt }));
  if (isQueued) {
    const ageMs = nowMs - erasedAt.getTime();
    const waitMs = Math.min(MAX_RECHECK_MS, Math.max(MIN_RECHECK_MS, ageMs / RECHECKS_PER_AGE));
    // Delay this job instead of completing it, so that the sweep does not add another job.
    await job.moveToDelayed(Date.now() + waitMs, token);
    throw new DelayedError();
  }
  // The API process may have died before it updated the cache. Update it here, because DONE promises that no reader
  // sees the events anymore.
  await refreshSignals(deps, [tenant], [userRef]);
  await recordErasedContent(link, keys, Date.now());
  await close(deps, erasure);
}
