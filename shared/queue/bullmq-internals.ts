import type { Redis } from 'ioredis';
import type { RedisClient } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';

/**
 * BullMQ's key layout in the version pinned in package.json. No other file uses BullMQ's keys or job fields. A contract
 * test checks each assumption against the installed version.
 */

/** Fields in a job's hash. */
export const JOB_FIELDS = { payload: 'data', addedAtMs: 'timestamp', takenAtMs: 'processedOn' } as const;

/**
 * A prioritized job's score is its priority times this step, plus a counter that orders jobs with the same priority.
 */
export const PRIORITY_STEP = 2 ** 32;

/** Suffix of the key of a job's lock. */
const LOCK_SUFFIX = ':lock';

/** A queue's Redis keys. */
export interface QueueKeys {
  /** Prefix of a job's key. The job ID follows it. */
  jobPrefix: string;
  job: (id: string) => string;
  /** List. New jobs are pushed to its head; workers take jobs from its tail. */
  waiting: string;
  /** Sorted set. See `PRIORITY_STEP` for the scores. */
  prioritized: string;
  /** List. A job is pushed to its head when a worker starts it. */
  active: string;
  /** Sorted set. */
  delayed: string;
  /** Exists while no worker needs to look for stalled jobs. */
  stalledCheck: string;
  /** Sorted set, scored by the time of failure in ms. */
  failed: string;
}

export function queueKeys(keys: RedisKeys, queue: string, shard = 0): QueueKeys {
  const jobPrefix = `${keys.queuePrefix(queue, shard)}:${queue}:`;
  return {
    jobPrefix,
    job: (id) => jobPrefix + id,
    waiting: `${jobPrefix}wait`,
    prioritized: `${jobPrefix}prioritized`,
    active: `${jobPrefix}active`,
    delayed: `${jobPrefix}delayed`,
    stalledCheck: `${jobPrefix}stalled-check`,
    failed: `${jobPrefix}failed`,
  };
}

/** A job's state, which is `none` if the job has not been added yet or has succeeded. */
export type JobState = 'none' | 'queued' | 'failed';

const JOB_STATES: readonly JobState[] = ['none', 'queued', 'failed'];

/** Returns the state of each job in one round trip. */
export async function findJobs(redis: RedisClient, queue: QueueKeys, ids: readonly string[]): Promise<JobState[]> {
  const found = await scripts.findJobs(redis, [queue.failed], [queue.jobPrefix, ...ids]);
  return found.map((state) => JOB_STATES[state]!);
}

/**
 * Returns whether a job has failed permanently. Safe for untrusted IDs, even if an ID matches another of the queue's
 * keys.
 */
export async function isFailed(redis: RedisClient, queue: QueueKeys, id: string): Promise<boolean> {
  return (await redis.zscore(queue.failed, id)) !== null;
}

/** Returns the permanently failed jobs and the time when each one failed, most recent first. */
export async function failedJobs(redis: RedisClient, queue: QueueKeys): Promise<{ id: string; atMs: number }[]> {
  const flat = await redis.zrevrange(queue.failed, 0, -1, 'WITHSCORES');
  return Array.from({ length: flat.length / 2 }, (_, n) => ({ id: flat[2 * n]!, atMs: Number(flat[2 * n + 1]) }));
}

/** Returns the number of jobs that workers are processing. */
export async function countActive(redis: RedisClient, queue: QueueKeys): Promise<number> {
  return redis.llen(queue.active);
}

/** A delayed job's score is the time when its delay ends, times this step, plus a counter. */
export const DELAY_STEP = 2 ** 12;
/** Maximum number of jobs that `jobsDelayedPast` returns. */
const MAX_DELAYED = 1_000;

/** Returns the IDs of jobs whose delays end after a time. */
export async function jobsDelayedPast(redis: RedisClient, { delayed }: QueueKeys, atMs: number): Promise<string[]> {
  return redis.zrangebyscore(delayed, (atMs + 1) * DELAY_STEP, '+inf', 'LIMIT', 0, MAX_DELAYED);
}

/** Maximum number of active jobs whose locks are checked in one call. */
const MAX_CHECKED_LOCKS = 10_000;

/**
 * Shortens locks that would last longer than workers set them, because the clock of Redis has stepped back since.
 * Returns the number of locks.
 */
export async function shortenJobLocks(
  redis: RedisClient,
  { stalledCheck, active, jobPrefix }: QueueKeys,
  { lockMs, stalledCheckMs }: { lockMs: number; stalledCheckMs: number },
): Promise<number> {
  const limits = [stalledCheckMs, lockMs, MAX_CHECKED_LOCKS] as const;
  return scripts.shortenJobLocks(redis, [stalledCheck, active], [jobPrefix, LOCK_SUFFIX, ...limits]);
}

/** Returns the stored JSON payload of a job, or null if the job does not exist. */
export async function storedPayload(redis: RedisClient, queue: QueueKeys, id: string): Promise<string | null> {
  return redis.hget(queue.job(id), JOB_FIELDS.payload);
}

const SCAN_COUNT = 500;

/**
 * Yields every job, in any state, with its stored payload. `redis` is the server that has the queue's keys. May miss
 * jobs that are added or removed during the scan.
 */
export async function* storedPayloads(redis: Redis, queue: QueueKeys): AsyncGenerator<{ id: string; data: string }> {
  const pattern = `${queue.jobPrefix.replaceAll(/[[\]*?\\]/g, '\\$&')}*`;
  const seen = new Set<string>();
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT, 'TYPE', 'hash');
    cursor = next;
    for (const key of found) {
      if (seen.has(key)) continue;
      seen.add(key);
      const id = key.slice(queue.jobPrefix.length);
      const data = await storedPayload(redis, queue, id);
      // Hashes that belong to the queue itself do not have a payload.
      if (data !== null) yield { id, data };
    }
  } while (cursor !== '0');
}
