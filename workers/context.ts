import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { createDoor } from '../shared/access/door';
import type { ChunkId, Tenant } from '../shared/domain/ids';
import { createIdentityCache, createSignalsCache } from '../shared/cache/signals';
import type { Ground } from '../shared/ground';
import { cascadeJobSchema, createCascadeQueue } from '../shared/queue/cascade-queue';
import { countsOf } from '../shared/platform/series/values';
import { connectRedis } from '../shared/queue/connect';
import { createHintQueue, hintJobSchema } from '../shared/queue/hint-queue';
import { MAX_STALLED_COUNT, type QueueName, QUEUES } from '../shared/queue/jobs';
import { tenantInLedger } from '../shared/queue/ledger';
import { authorityStore } from '../shared/store/read-authority';
import { revokeCascade } from './agents/revoke-cascade';
import { startSealer } from './audit/sealer';
import { createCommitter } from './events/committer';
import { guardAgents } from './events/guard-agents';
import { createPartitionLocks } from './events/partition-locks';
import { processChunk } from './events/process-chunk';
import { createSettleChunk } from './events/settle-chunk';
import { deliverWebhook } from './links/deliver-webhook';
import { refreshRows } from './links/refresh-rows';
import { startMailsWorker } from './mails/mails-worker';
import { maintain } from './maintenance/maintain';
import { sweepOutbox } from './maintenance/sweep-outbox';
import { eraseUser } from './users/erase-user';

/** A dead worker's jobs go to others after about this long; locks are renewed at half of it. */
const JOB_LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
/** A dead worker's cascades go on soon: doing one twice at once is harmless, so a short lock costs nothing. */
const CASCADE_LOCK_MS = 3_000;
const CASCADE_STALLED_CHECK_MS = 1_000;
/** Kills at work in one process; each holds two transactions at most. */
const CASCADE_CONCURRENCY = 2;
/** Messages on their way from one process; partners' servers are slow, and each waits for its own. */
const WEBHOOK_CONCURRENCY = 32;
const ERASURE_CONCURRENCY = 2;
/** After an OOM answer of Redis a worker rests this long instead of spinning on errors. */
const OOM_REST_MS = 1_000;

async function rest(worker: Worker): Promise<void> {
  await worker.pause(true);
  await delay(OOM_REST_MS);
  await worker.resume();
}

export interface RunningWorkers {
  events: Worker;
  cascades: Worker;
  /** Takes no new jobs, waits for those at work, then closes its own connections. */
  stop(): Promise<void>;
}

/** Starts the workers of this process over its ground (which the caller closes). */
export async function startWorkers(ground: Ground): Promise<RunningWorkers> {
  const { config, log, metrics, tracing, keys, store, queueLink, cacheLink } = ground;
  const giveUp = new AbortController();
  const { signal } = giveUp;
  // Every job that waits out an outage listens to it; their number is bounded by the concurrency.
  setMaxListeners(0, signal);
  const cache = createSignalsCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const locks = createPartitionLocks(queueLink, keys);
  const guard = { store, log, signal };
  const committer = guardAgents(createCommitter({ store, cache, locks, log, metrics, tracing, signal }), guard);
  const settle = createSettleChunk({ store, link: queueLink, keys, log, metrics, signal });

  const tenantOfChunk = (chunkId: ChunkId): Promise<Tenant | null> =>
    tenantInLedger(queueLink.client, keys, QUEUES.events, chunkId);

  const link = connectRedis(config.redisUrl, { kind: 'worker' }, log, tracing.telemetry);
  const prefix = keys.queuePrefix(QUEUES.events);
  const jobsFailed = countsOf(metrics.jobsFailed, Object.values(QUEUES));
  const events = new Worker(
    QUEUES.events,
    (job, token) => processChunk({ committer, settle, tenantOfChunk, log, metrics, signal }, job, token),
    {
      ...link.bullmq,
      prefix,
      concurrency: config.eventWorkerConcurrency,
      lockDuration: JOB_LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED_COUNT,
    },
  );
  let resting = false;
  events.on('error', (error) => {
    log.warn({ err: error.message }, 'events worker trouble');
    if (resting || !error.message.includes('OOM')) return;
    resting = true;
    void rest(events).finally(() => {
      resting = false;
    });
  });
  events.on('failed', (job, error) => {
    if (job && job.finishedOn !== undefined) jobsFailed.events.inc();
    log.warn({ jobId: job?.id, err: error.message }, 'a job failed');
  });
  const door = createDoor({ link: queueLink, keys, store: authorityStore(store) });
  const cascadeQueue = createCascadeQueue({ link: queueLink, keys, log });
  const cascades = new Worker(
    QUEUES.cascades,
    async (job) => {
      const { cascadeId } = cascadeJobSchema.parse(job.data);
      await revokeCascade({ store, door, log, metrics, signal }, cascadeId);
    },
    {
      ...link.bullmq,
      prefix: keys.queuePrefix(QUEUES.cascades),
      concurrency: CASCADE_CONCURRENCY,
      lockDuration: CASCADE_LOCK_MS,
      stalledInterval: CASCADE_STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED_COUNT,
    },
  );
  cascades.on('error', (error) => log.warn({ err: error.message }, 'cascades worker trouble'));
  cascades.on('failed', (job, error) => {
    if (job && job.finishedOn !== undefined) jobsFailed.cascades.inc();
    log.warn({ jobId: job?.id, err: error.message }, 'a cascade will be tried again');
  });
  const mails = startMailsWorker(ground, link, () => jobsFailed.mails.inc());
  const queue = new Queue(QUEUES.events, { connection: queueLink.client, prefix, skipMetasUpdate: true });
  queue.on('error', (error) => log.warn({ err: error.message }, 'events queue trouble'));
  const webhookQueue = createHintQueue(QUEUES.webhooks, { link: queueLink, keys, log });
  const erasureQueue = createHintQueue(QUEUES.erasures, { link: queueLink, keys, log });
  const onHints = (name: QueueName, concurrency: number, work: (id: string) => Promise<void>): Worker => {
    const worker = new Worker(name, (job) => work(hintJobSchema.parse(job.data).id), {
      ...link.bullmq,
      prefix: keys.queuePrefix(name),
      concurrency,
      lockDuration: JOB_LOCK_MS,
      stalledInterval: STALLED_CHECK_MS,
      maxStalledCount: MAX_STALLED_COUNT,
    });
    worker.on('error', (error) => log.warn({ err: error.message }, `${name} worker trouble`));
    worker.on('failed', (job, error) => {
      jobsFailed[name].inc();
      log.warn({ jobId: job?.id, err: error.message }, `${name}: to be tried again`);
    });
    return worker;
  };
  const delivering = { store, secrets: ground.secrets, config, log, queue: webhookQueue, signal };
  const webhooks = onHints(QUEUES.webhooks, WEBHOOK_CONCURRENCY, (id) => deliverWebhook(delivering, id));
  const erasures = onHints(QUEUES.erasures, ERASURE_CONCURRENCY, (id) =>
    eraseUser({ store, cache, events: queue, log, signal }, id),
  );
  const all = [events, cascades, webhooks, erasures];
  await Promise.all([...all.map((worker) => worker.waitUntilReady()), mails.ready()]);

  const identityCache = createIdentityCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const refreshing = { store, signalsCache: cache, identityCache };
  const stopOutbox = sweepOutbox({
    store,
    webhookQueue,
    erasureQueue,
    refresh: (note) => refreshRows(refreshing, note),
    log,
  });
  const sealer = startSealer({ store, link: queueLink, keys, log, metrics });
  const stopMaintenance = maintain({ queue, cascadeQueue, store, link: queueLink, keys, log, metrics });

  return {
    events,
    cascades,
    stop: async () => {
      stopMaintenance();
      stopOutbox();
      const deadline = setTimeout(() => giveUp.abort(new Error('the worker stops')), config.drainTimeoutMs);
      await Promise.all([...all.map((worker) => worker.close()), mails.close(), sealer.stop()]);
      clearTimeout(deadline);
      await queue.close();
      await Promise.all([cascadeQueue.close(), webhookQueue.close(), erasureQueue.close()]);
      await link.close();
    },
  };
}
