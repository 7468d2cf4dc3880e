import { Job, type Worker } from 'bullmq';
import type { Log } from '../../shared/log';
import { jobsDelayedPast, queueKeys, shortenJobLocks } from '../../shared/queue/bullmq-internals';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';
import { repeat } from './repeat';

/** A delayed job may be this much later than the longest delay, because the workers' clocks differ. */
const SLACK_MS = 60_000;

interface Limits {
  lockMs: number;
  stalledCheckMs: number;
  /** The longest delay of the queue's jobs. Null if delays may be long. */
  maxDelayMs: number | null;
}

/**
 * Regularly repairs what a clock that stepped back leaves behind: locks in Redis that would last as long as the step, and
 * jobs that a worker delayed by its clock before the step. Stops when the worker closes.
 */
export function undoClockSteps(
  { link, keys, log }: { link: RedisLink; keys: RedisKeys; log: Log },
  worker: Worker,
  shard: number,
  { maxDelayMs, ...locks }: Limits,
): void {
  const queue = queueKeys(keys, worker.name, shard);
  const repairs = repeat(locks.stalledCheckMs, `checking the times of ${worker.name} jobs`, log, async () => {
    const shortened = await shortenJobLocks(link.client, queue, locks);
    const late =
      maxDelayMs === null ? [] : await jobsDelayedPast(link.client, queue, Date.now() + maxDelayMs + SLACK_MS);
    for (const id of late) await (await Job.fromId(worker, id))?.promote();
    if (shortened + late.length === 0) return;
    log.warn({ queue: worker.name, shortened, promoted: late.length }, 'a clock has stepped back, repaired job times');
  });
  worker.on('closing', repairs.stop);
}
