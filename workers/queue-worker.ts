import { setTimeout as delay } from 'node:timers/promises';
import { type Processor, Worker } from 'bullmq';
import { messageWithCauses } from '../shared/errors';
import type { Log } from '../shared/log';
import type { Metrics } from '../shared/metrics/metrics';
import { countsOf } from '../shared/metrics/values';
import type { RedisLink } from '../shared/redis/link';
import { QUEUE_NAMES, type QUEUES } from '../shared/queue/queues';
import type { RedisKeys } from '../shared/redis/keys';
import { undoClockSteps } from './maintenance/undo-clock-steps';

/**
 * Errors indicating that Redis does not accept writes: out of memory, failing persistence, not a primary, loading or
 * busy.
 */
const REJECTS_WRITES = /\b(OOM|MISCONF|READONLY|NOREPLICAS|LOADING|MASTERDOWN|BUSY|NOPERM)\b/;
/** Effectively unlimited: a stall means a crashed or frozen worker, not a faulty job. Only failures use up attempts. */
const MAX_STALLED_COUNT = 10_000;
/** Pause after an error that matches `REJECTS_WRITES`, which would otherwise repeat in a tight loop. */
const REST_MS = 1_000;

interface QueueWorkerOptions {
  /** Maximum number of jobs that this process runs concurrently. */
  concurrency: number;
  /** Time after which other workers take over a dead worker's jobs. Locks are renewed after half this time. */
  lockMs: number;
  stalledCheckMs: number;
  /** Defaults to 0, which is the only shard of most queues. */
  shard?: number;
  /** The longest delay of the queue's jobs. By default, delays may be long. */
  maxDelayMs?: number;
}

/** Starts a BullMQ worker that logs its errors and failed jobs, and pauses while Redis does not accept writes. */
export type StartQueueWorker = (queue: (typeof QUEUES)[number], work: Processor, options: QueueWorkerOptions) => Worker;

async function rest(worker: Worker): Promise<void> {
  await worker.pause(true);
  await delay(REST_MS);
  await worker.resume();
}

export function queueWorkers(deps: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  metrics: Pick<Metrics, 'jobsDone' | 'jobsFailed'>;
}): StartQueueWorker {
  const { link, keys, log, metrics } = deps;
  const done = countsOf(metrics.jobsDone, QUEUE_NAMES);
  const failed = countsOf(metrics.jobsFailed, QUEUE_NAMES);
  return ({ name }, work, { concurrency, lockMs, stalledCheckMs, shard = 0, maxDelayMs = null }) => {
    const worker = new Worker(name, work, {
      ...link.bullmq,
      prefix: keys.queuePrefix(name, shard),
      concurrency,
      lockDuration: lockMs,
      stalledInterval: stalledCheckMs,
      maxStalledCount: MAX_STALLED_COUNT,
    });
    let resting = false;
    worker.on('error', (error) => {
      log.warn({ queue: name, err: error.message }, 'queue worker error');
      if (resting || !REJECTS_WRITES.test(error.message)) return;
      resting = true;
      void rest(worker).finally(() => {
        resting = false;
      });
    });
    undoClockSteps(deps, worker, shard, { lockMs, stalledCheckMs, maxDelayMs });
    worker.on('completed', () => done[name].inc());
    worker.on('failed', (job, error) => {
      const last = job?.finishedOn !== undefined;
      if (last) failed[name].inc();
      log.warn({ queue: name, jobId: job?.id, err: messageWithCauses(error), last }, 'job failed');
    });
    return worker;
  };
}
