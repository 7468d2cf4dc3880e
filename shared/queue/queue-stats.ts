import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import { JOB_FIELDS, PRIORITY_STEP, queueKeys } from './bullmq-internals';

/** Jobs of one tenant are spread over so many priorities at most (see event-queue.ts). */
const MAX_PRIORITIES = 1_000;

/** Jobs at work that are looked at, those taken first; more than a few workers hold at once. */
const MAX_ACTIVE = 1_000;

/** A queue at one moment. */
export interface QueueStats {
  jobs: Record<'waiting' | 'prioritized' | 'active' | 'delayed' | 'failed', number>;
  /** Age of the oldest job that waits for a worker; 0 when none does. */
  oldestWaitingMs: number;
  /** Time since a worker took the job that is longest at work; 0 when none is. */
  longestActiveMs: number;
}

/** Looks at a queue in one round trip, whatever its length. */
export async function queueStats(
  { client }: Pick<RedisLink, 'client'>,
  keys: RedisKeys,
  queue: string,
): Promise<QueueStats> {
  const of = queueKeys(keys, queue);
  const [waiting, prioritized, active, delayed, failed, oldestWaitingMs, longestActiveMs] = await scripts.queueStats(
    client,
    [of.waiting, of.prioritized, of.active, of.delayed, of.failed],
    [of.jobPrefix, MAX_PRIORITIES, MAX_ACTIVE, PRIORITY_STEP, JOB_FIELDS.addedAtMs, JOB_FIELDS.takenAtMs],
  );
  return { jobs: { waiting, prioritized, active, delayed, failed }, oldestWaitingMs, longestActiveMs };
}
