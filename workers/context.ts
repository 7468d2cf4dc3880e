import { setMaxListeners } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { createSignalsCache } from '../shared/cache/signals';
import type { Ground } from '../shared/ground';
import { connectRedis } from '../shared/queue/connect';
import { MAX_STALLED_COUNT, QUEUES } from '../shared/queue/jobs';
import { createCommitter } from './events/committer';
import { createPartitionLocks } from './events/partition-locks';
import { processChunk } from './events/process-chunk';
import { createSettleChunk } from './events/settle-chunk';
import { maintain } from './maintenance/maintain';

/** A dead worker's jobs go to others after about this long; locks are renewed at half of it. */
const JOB_LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
/** After an OOM answer of Redis a worker rests this long instead of spinning on errors. */
const OOM_REST_MS = 1_000;

async function rest(worker: Worker): Promise<void> {
  await worker.pause(true);
  await delay(OOM_REST_MS);
  await worker.resume();
}

export interface RunningWorkers {
  events: Worker;
  /** Takes no new jobs, waits for those at work, then closes its own connections. */
  stop(): Promise<void>;
}

/** Starts the workers of this process over its ground (which the caller closes). */
export async function startWorkers(ground: Ground): Promise<RunningWorkers> {
  const { config, log, metrics, keys, store, queueLink, cacheLink } = ground;
  const giveUp = new AbortController();
  const { signal } = giveUp;
  // Every job that waits out an outage listens to it; their number is bounded by the concurrency.
  setMaxListeners(0, signal);
  const cache = createSignalsCache({ link: cacheLink, keys, ttlSeconds: config.signalsTtlSeconds });
  const locks = createPartitionLocks(queueLink, keys);
  const committer = createCommitter({ store, cache, locks, log, metrics, signal });
  const settle = createSettleChunk({ store, link: queueLink, keys, log, metrics, signal });

  const link = connectRedis(config.redisUrl, { kind: 'worker' }, log);
  const prefix = keys.queuePrefix(QUEUES.events);
  const events = new Worker(
    QUEUES.events,
    (job, token) => processChunk({ committer, settle, log, metrics, signal }, job, token),
    {
      connection: link.client,
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
    if (job && job.finishedOn !== undefined) metrics.jobsFailed.labels(QUEUES.events).inc();
    log.warn({ jobId: job?.id, err: error.message }, 'a job failed');
  });
  await events.waitUntilReady();

  const queue = new Queue(QUEUES.events, { connection: queueLink.client, prefix, skipMetasUpdate: true });
  queue.on('error', (error) => log.warn({ err: error.message }, 'events queue trouble'));
  const stopMaintenance = maintain({ queue, link: queueLink, keys, log, metrics });

  return {
    events,
    stop: async () => {
      stopMaintenance();
      const deadline = setTimeout(() => giveUp.abort(new Error('the worker stops')), config.drainTimeoutMs);
      await events.close();
      clearTimeout(deadline);
      await queue.close();
      await link.close();
    },
  };
}
