import { setTimeout as delay } from 'node:timers/promises';
import { type Processor, Worker } from 'bullmq';
import { messageWithCauses } from '../shared/errors';
import type { Log } from '../shared/log';
import type { Metrics } from '../shared/metrics/metrics';
import { countsOf } from '../shared/metrics/values';
import type { RedisLink } from '../shared/redis/connect';
import { QUEUE_NAMES, type QUEUES } from '../shared/queue/queues';
import type { RedisKeys } from '../shared/redis/keys';

/** What Redis says while it takes no writes: it is full, cannot write its file, is no primary, or is held up. */
const REFUSES_WRITES = /\b(OOM|MISCONF|READONLY|NOREPLICAS|LOADING|MASTERDOWN|BUSY|NOPERM)\b/;
/** A stall is a crashed or frozen worker, never the job's fault; only attempts are spent on failures. */
const MAX_STALLED_COUNT = 10_000;
/** Then a worker rests this long instead of spinning on errors. */
const REST_MS = 1_000;

interface QueueWorkerOptions {
  /** Jobs that this process holds at once. */
  concurrency: number;
  /** A dead worker's jobs go to others after about this long; locks are renewed at half of it. */
  lockMs: number;
  stalledCheckMs: number;
  /** After so many crashes of its workers a job is given up. Default: never, in practice. */
  maxStalledCount?: number;
}

/** Starts a BullMQ worker that tells its troubles and failures, and outlives a Redis that takes no writes. */
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
  return ({ name }, work, { concurrency, lockMs, stalledCheckMs, maxStalledCount = MAX_STALLED_COUNT }) => {
    const worker = new Worker(name, work, {
      ...link.bullmq,
      prefix: keys.queuePrefix(name),
      concurrency,
      lockDuration: lockMs,
      stalledInterval: stalledCheckMs,
      maxStalledCount,
    });
    let resting = false;
    worker.on('error', (error) => {
      log.warn({ queue: name, err: error.message }, 'a worker has trouble with its queue');
      if (resting || !REFUSES_WRITES.test(error.message)) return;
      resting = true;
      void rest(worker).finally(() => {
        resting = false;
      });
    });
    worker.on('completed', () => done[name].inc());
    worker.on('failed', (job, error) => {
      const last = job?.finishedOn !== undefined;
      if (last) failed[name].inc();
      log.warn({ queue: name, jobId: job?.id, err: messageWithCauses(error), last }, 'a job failed');
    });
    return worker;
  };
}
