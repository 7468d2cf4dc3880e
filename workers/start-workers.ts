import { setMaxListeners } from 'node:events';
import type { Job, Worker } from 'bullmq';
import { createAuthorizer } from '../shared/authz/authorizer';
import type { ChunkId, Tenant } from '../shared/domain/ids';
import { createIdentityCache, createSignalsCache } from '../shared/cache/signals-cache';
import type { Runtime } from '../shared/runtime';
import { cascadesQueue, createCascadeQueue } from '../shared/queue/cascade-queue';
import { retryUntilAborted } from '../shared/concurrency/retry';
import { connectRedis } from '../shared/redis/connect';
import { currentShards, findEventShards } from '../shared/queue/event-shards';
import { tenantOfChunk } from '../shared/queue/queued-bytes';
import { inspectQueues } from '../shared/queue/queues';
import { createWakeUpQueue, erasuresQueue, type WakeUpDefinition, webhooksQueue } from '../shared/queue/wake-up-queue';
import { authorityStore } from '../shared/authz/authority-store';
import { revokeCascade } from './agents/revoke-cascade';
import { startSealer } from './audit/sealer';
import { createBoundDeadLetters } from './events/bound-dead-letters';
import { createCommitter } from './events/committer';
import { createRegisterDeadLetters } from './events/register-dead-letters';
import { guardAgents } from './events/guard-agents';
import { createPartitionLocks } from './events/partition-locks';
import { createEventWorkers } from './events/event-workers';
import { createFinalizeChunk, createForgetChunk } from './events/finalize-chunk';
import { deliverWebhook } from './webhooks/deliver-webhook';
import { createDeliveryBatches } from './webhooks/batch-deliveries';
import { createDeliveryPermits } from './webhooks/delivery-permits';
import { refreshRows } from './cache/refresh-rows';
import { mailsQueue } from '../shared/queue/mail-queue';
import { startMailsWorker } from './mails/mails-worker';
import { maintain } from './maintenance/maintain';
import { repeat } from './maintenance/repeat';
import { requeueLostJobs } from './maintenance/requeue-lost-jobs';
import { queueWorkers } from './queue-worker';
import { createFullTurns, deleteUserEvents, MAX_RECHECK_MS } from './users/delete-user-events';

/** Time after which other workers take over a dead worker's jobs. Locks are renewed after half this time. */
const JOB_LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
/** How often a worker looks for jobs in shards of the event queues that `EVENT_QUEUE_SHARDS` does not include. */
const SHARDS_EVERY_MS = 5_000;
/**
 * Short, so that a dead worker's cascades resume quickly. Running the same cascade twice at the same time is harmless.
 */
const CASCADE_LOCK_MS = 3_000;
const CASCADE_STALLED_CHECK_MS = 1_000;
/** Maximum number of cascades that one process runs concurrently. Each cascade has at most two open transactions. */
const CASCADE_CONCURRENCY = 2;
/**
 * High, because a delivery mostly waits for a partner's server. Not higher, because on a busy machine, the jobs would
 * outlast their locks.
 */
const WEBHOOK_CONCURRENCY = 256;
/** Maximum number of erasures that one process carries out concurrently. */
export const ERASURE_CONCURRENCY = 2;

export interface RunningWorkers {
  /** Stops taking jobs, waits for the active jobs to finish, then closes its own connections. */
  stop(): Promise<void>;
}

/** Starts the workers of this process. The caller closes the runtime. */
export async function startWorkers(runtime: Runtime): Promise<RunningWorkers> {
  const { config, log, metrics, tracing, keys, secrets, signer, store, queueLink, cacheLink } = runtime;
  const giveUp = new AbortController();
  const { signal } = giveUp;
  // Every job that waits out an outage adds a listener. The concurrency settings limit the number of listeners.
  setMaxListeners(0, signal);
  const cache = createSignalsCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const locks = createPartitionLocks(queueLink, keys);
  const guardDeps = { store, log, signal };
  const committerDeps = { store, queueLink, keys, cache, locks, log, metrics, tracing, signal };
  const committer = guardAgents(createCommitter(committerDeps), guardDeps);
  const webhookQueue = createWakeUpQueue(webhooksQueue, { link: queueLink, keys, log });
  const finalizeDeps = { store, queueLink, keys, secrets, log, metrics, signal, webhookQueue };
  const finalize = createFinalizeChunk(finalizeDeps);

  const tenantOf = (shard: number, chunkId: ChunkId): Promise<Tenant | null> =>
    tenantOfChunk(queueLink.client, keys, shard, chunkId);

  const link = connectRedis(config.redisUrl, { kind: 'worker' }, log, tracing.telemetry);
  const start = queueWorkers({ link, keys, log, metrics });
  const lockOptions = { lockMs: JOB_LOCK_MS, stalledCheckMs: STALLED_CHECK_MS };
  const startOnWakeUps = (
    queue: WakeUpDefinition,
    concurrency: number,
    work: (id: string, job: Job, token?: string) => Promise<void>,
    options: { maxDelayMs?: number } = {},
  ): Worker =>
    start(queue, (job, token) => work(queue.parse(job).id, job, token), { concurrency, ...lockOptions, ...options });

  const chunkDeps = {
    store,
    link: queueLink,
    keys,
    secrets: runtime.secrets,
    committer,
    finalize,
    tenantOfChunk: tenantOf,
    log,
    metrics,
    signal,
  };
  const queues = inspectQueues({ link: queueLink, keys, log });
  const forgetChunk = createForgetChunk({ link: queueLink, keys, log });
  const boundDeadLetters = createBoundDeadLetters({ link: queueLink, keys, queues, log });
  const fullJobs = config.eventWorkerConcurrency;
  const eventWorkerDeps = { start, chunkDeps, lockOptions, fullJobs, boundDeadLetters, forgetChunk };
  const eventWorkers = createEventWorkers(eventWorkerDeps);
  eventWorkers.start(currentShards(keys));
  // Processes with another number of shards may add jobs to others, or have left some there.
  const startOnOtherShards = repeat(SHARDS_EVERY_MS, 'check of the event shards', log, async () =>
    eventWorkers.start(await findEventShards(queueLink, keys)),
  );
  startOnOtherShards.run();
  const authorizer = createAuthorizer({ link: queueLink, keys, store: authorityStore(store, secrets) });
  const cascadeDeps = { store, queueLink, keys, secrets, authorizer, log, metrics, signal, webhookQueue };
  const cascades = start(cascadesQueue, (job) => revokeCascade(cascadeDeps, cascadesQueue.parse(job).cascadeId), {
    concurrency: CASCADE_CONCURRENCY,
    lockMs: CASCADE_LOCK_MS,
    stalledCheckMs: CASCADE_STALLED_CHECK_MS,
  });
  const mailQueue = config.mail.kind === 'off' ? null : createWakeUpQueue(mailsQueue, { link: queueLink, keys, log });
  const attempts = { permits: createDeliveryPermits(), batches: createDeliveryBatches({ store, log, signal }) };
  const deliveryRuntime = { store, secrets, signer, config, log, metrics };
  const deliveryDeps = { ...deliveryRuntime, queue: webhookQueue, mailQueue, signal, ...attempts };
  const webhooks = startOnWakeUps(webhooksQueue, WEBHOOK_CONCURRENCY, (id, job, token) =>
    deliverWebhook(deliveryDeps, id, job, token),
  );
  const erasureQueue = createWakeUpQueue(erasuresQueue, { link: queueLink, keys, log });
  const fullTurns = createFullTurns();
  const erasureDeps = { store, cache, link: queueLink, keys, queues, log, signal, fullTurns, webhookQueue };
  const registerDeadLetters = createRegisterDeadLetters({ link: queueLink, keys });
  // Before the first erasure, which looks only for registered dead letters.
  await retryUntilAborted(registerDeadLetters, { what: 'dead letter registration', log, signal });
  const erasures = startOnWakeUps(
    erasuresQueue,
    ERASURE_CONCURRENCY,
    (id, job, token) => deleteUserEvents(erasureDeps, id, job, token),
    { maxDelayMs: MAX_RECHECK_MS },
  );
  const mails = startMailsWorker(runtime, start);
  const others = [cascades, webhooks, erasures];
  await Promise.all([...eventWorkers.all(), ...others].map((worker) => worker.waitUntilReady()).concat(mails.ready()));

  const cascadeQueue = createCascadeQueue({ link: queueLink, keys, log });
  const identityCache = createIdentityCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const refreshDeps = { store, signalsCache: cache, identityCache };
  const stopOutbox = requeueLostJobs({
    store,
    webhookQueue,
    erasureQueue,
    mailQueue,
    refresh: (entry) => refreshRows(refreshDeps, entry),
    log,
  });
  const sealer = startSealer({ store, link: queueLink, keys, log, metrics });
  const maintenanceDeps = {
    queues,
    cascadeQueue,
    webhookQueue,
    store,
    signer,
    authorizer,
    secrets,
    link: queueLink,
    cacheLink: config.cacheRedisUrl === config.redisUrl ? null : cacheLink,
    keys,
    log,
    metrics,
    registerDeadLetters,
  };
  const stopMaintenance = maintain(maintenanceDeps);

  return {
    stop: async () => {
      startOnOtherShards.stop();
      stopMaintenance();
      stopOutbox();
      const deadline = setTimeout(() => giveUp.abort(new Error('worker stopping')), config.drainTimeoutMs);
      await Promise.all([
        eventWorkers.close(),
        ...others.map((worker) => worker.close()),
        mails.close(),
        sealer.stop(),
      ]);
      clearTimeout(deadline);
      await queues.close();
      await Promise.all([cascadeQueue.close(), webhookQueue.close(), erasureQueue.close(), mailQueue?.close()]);
      await link.close();
    },
  };
}
