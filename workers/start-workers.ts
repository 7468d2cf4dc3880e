import { setMaxListeners } from 'node:events';
import type { Job, Worker } from 'bullmq';
import { createAuthorizer } from '../shared/authz/authorizer';
import type { ChunkId, Tenant } from '../shared/domain/ids';
import { createIdentityCache, createSignalsCache } from '../shared/cache/signals-cache';
import type { Runtime } from '../shared/runtime';
import { cascadesQueue, createCascadeQueue } from '../shared/queue/cascade-queue';
import { connectRedis } from '../shared/redis/connect';
import { eventsQueue } from '../shared/queue/event-chunk';
import { tenantOfChunk } from '../shared/queue/queued-bytes';
import { closeQueues, inspectQueues } from '../shared/queue/queues';
import { createWakeUpQueue, erasuresQueue, type WakeUpDefinition, webhooksQueue } from '../shared/queue/wake-up-queue';
import { authorityStore } from '../shared/authz/authority-store';
import { revokeCascade } from './agents/revoke-cascade';
import { startSealer } from './audit/sealer';
import { createCommitter } from './events/committer';
import { guardAgents } from './events/guard-agents';
import { createPartitionLocks } from './events/partition-locks';
import { processChunk } from './events/process-chunk';
import { createFinalizeChunk } from './events/finalize-chunk';
import { createDeliveryPermits, deliverWebhook } from './webhooks/deliver-webhook';
import { refreshRows } from './cache/refresh-rows';
import { startMailsWorker } from './mails/mails-worker';
import { maintain } from './maintenance/maintain';
import { requeueLostJobs } from './maintenance/requeue-lost-jobs';
import { queueWorkers } from './queue-worker';
import { deleteUserEvents } from './users/delete-user-events';

/** A dead worker's jobs go to others after about this long; locks are renewed at half of it. */
const JOB_LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
/** A dead worker's cascades go on soon: doing one twice at once is harmless, so a short lock costs nothing. */
const CASCADE_LOCK_MS = 3_000;
const CASCADE_STALLED_CHECK_MS = 1_000;
/** Kills at work in one process; each holds two transactions at most. */
const CASCADE_CONCURRENCY = 2;
/** Messages on their way from one process; partners' servers are slow, and each waits for its own. */
const WEBHOOK_CONCURRENCY = 256;
const ERASURE_CONCURRENCY = 2;

export interface RunningWorkers {
  events: Worker;
  cascades: Worker;
  /** Takes no new jobs, waits for those at work, then closes its own connections. */
  stop(): Promise<void>;
}

/** Starts the workers of this process over its ground (which the caller closes). */
export async function startWorkers(runtime: Runtime): Promise<RunningWorkers> {
  const { config, log, metrics, tracing, keys, secrets, store, queueLink, cacheLink } = runtime;
  const giveUp = new AbortController();
  const { signal } = giveUp;
  // Every job that waits out an outage listens to it; their number is bounded by the concurrency.
  setMaxListeners(0, signal);
  const cache = createSignalsCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const locks = createPartitionLocks(queueLink, keys);
  const guard = { store, log, signal };
  const committing = { store, queueLink, keys, cache, locks, log, metrics, tracing, signal };
  const committer = guardAgents(createCommitter(committing), guard);
  const finalize = createFinalizeChunk({ store, link: queueLink, keys, log, metrics, signal });

  const tenantOf = (chunkId: ChunkId): Promise<Tenant | null> =>
    tenantOfChunk(queueLink.client, keys, eventsQueue.name, chunkId);

  const link = connectRedis(config.redisUrl, { kind: 'worker' }, log, tracing.telemetry);
  const start = queueWorkers({ link, keys, log, metrics });
  const lockOptions = { lockMs: JOB_LOCK_MS, stalledCheckMs: STALLED_CHECK_MS };
  const startOnWakeUps = (
    queue: WakeUpDefinition,
    concurrency: number,
    work: (id: string, job: Job, token?: string) => Promise<void>,
  ): Worker => start(queue, (job, token) => work(queue.parse(job).id, job, token), { concurrency, ...lockOptions });

  const chunks = {
    store,
    secrets: runtime.secrets,
    committer,
    finalize,
    tenantOfChunk: tenantOf,
    log,
    metrics,
    signal,
  };
  const events = start(eventsQueue, (job, token) => processChunk(chunks, job, token), {
    concurrency: config.eventWorkerConcurrency,
    ...lockOptions,
  });
  const authorizer = createAuthorizer({ link: queueLink, keys, store: authorityStore(store, secrets) });
  const revoking = { store, queueLink, keys, secrets, authorizer, log, metrics, signal };
  const cascades = start(cascadesQueue, (job) => revokeCascade(revoking, cascadesQueue.parse(job).cascadeId), {
    concurrency: CASCADE_CONCURRENCY,
    lockMs: CASCADE_LOCK_MS,
    stalledCheckMs: CASCADE_STALLED_CHECK_MS,
  });
  const webhookQueue = createWakeUpQueue(webhooksQueue, { link: queueLink, keys, log });
  const permits = createDeliveryPermits();
  const delivering = { store, secrets, config, log, queue: webhookQueue, signal, permits };
  const webhooks = startOnWakeUps(webhooksQueue, WEBHOOK_CONCURRENCY, (id) => deliverWebhook(delivering, id));
  const queues = inspectQueues({ link: queueLink, keys, log });
  const erasureQueue = createWakeUpQueue(erasuresQueue, { link: queueLink, keys, log });
  const erasing = { store, cache, link: queueLink, keys, events: queues.events, log, signal };
  const erasures = startOnWakeUps(erasuresQueue, ERASURE_CONCURRENCY, (id, job, token) =>
    deleteUserEvents(erasing, id, job, token),
  );
  const mails = startMailsWorker(runtime, start);
  const all = [events, cascades, webhooks, erasures];
  await Promise.all([...all.map((worker) => worker.waitUntilReady()), mails.ready()]);

  const cascadeQueue = createCascadeQueue({ link: queueLink, keys, log });
  const identityCache = createIdentityCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const refreshing = { store, signalsCache: cache, identityCache };
  const stopOutbox = requeueLostJobs({
    store,
    webhookQueue,
    erasureQueue,
    refresh: (note) => refreshRows(refreshing, note),
    log,
  });
  const sealer = startSealer({ store, link: queueLink, keys, log, metrics });
  const stopMaintenance = maintain({ queues, cascadeQueue, store, link: queueLink, keys, log, metrics });

  return {
    events,
    cascades,
    stop: async () => {
      stopMaintenance();
      stopOutbox();
      const deadline = setTimeout(() => giveUp.abort(new Error('the worker stops')), config.drainTimeoutMs);
      await Promise.all([...all.map((worker) => worker.close()), mails.close(), sealer.stop()]);
      clearTimeout(deadline);
      await closeQueues(queues);
      await Promise.all([cascadeQueue.close(), webhookQueue.close(), erasureQueue.close()]);
      await link.close();
    },
  };
}
