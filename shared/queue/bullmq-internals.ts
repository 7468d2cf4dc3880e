import type { Redis } from 'ioredis';
import type { RedisKeys } from '../redis/keys';

/**
 * BullMQ's key layout, as of the version that package.json pins. No other file names BullMQ's keys or the fields of its
 * jobs. A contract test checks each assumption against the installed version, so an upgrade that changes one fails there.
 */

/** Fields of a job's hash. */
export const JOB_FIELDS = { payload: 'data', addedAtMs: 'timestamp', takenAtMs: 'processedOn' } as const;

/** The score of a prioritized job is its priority times this, plus a counter: in order within each priority. */
export const PRIORITY_STEP = 2 ** 32;

/** The keys of one queue. */
export interface QueueKeys {
  /** What the key of a job begins with; its id follows. */
  jobPrefix: string;
  job: (id: string) => string;
  /** A list: jobs are added at its head and taken from its tail. */
  waiting: string;
  /** A sorted set, see `PRIORITY_STEP`. */
  prioritized: string;
  /** A list: jobs are added at its head when a worker takes them. */
  active: string;
  /** A sorted set. */
  delayed: string;
  /** A sorted set, scored by the time of the failure in ms. */
  failed: string;
}

/** Returns the keys of a queue. */
export function queueKeys(keys: RedisKeys, queue: string): QueueKeys {
  const jobPrefix = `${keys.queuePrefix(queue)}:${queue}:`;
  return {
    jobPrefix,
    job: (id) => jobPrefix + id,
    waiting: `${jobPrefix}wait`,
    prioritized: `${jobPrefix}prioritized`,
    active: `${jobPrefix}active`,
    delayed: `${jobPrefix}delayed`,
    failed: `${jobPrefix}failed`,
  };
}

/** Returns where a job is: `none` before it is added and once it has succeeded. */
export async function findJob(redis: Redis, queue: QueueKeys, id: string): Promise<'queued' | 'failed' | 'none'> {
  const [exists, failedAtMs] = await Promise.all([redis.exists(queue.job(id)), redis.zscore(queue.failed, id)]);
  if (failedAtMs !== null) return 'failed';
  return exists === 0 ? 'none' : 'queued';
}

/** Returns whether a job has failed for good. Any id may be asked for, also one that names another key of the queue. */
export async function isFailed(redis: Redis, queue: QueueKeys, id: string): Promise<boolean> {
  return (await redis.zscore(queue.failed, id)) !== null;
}

/** Returns the jobs that have failed for good and when, newest first. */
export async function failedJobs(redis: Redis, queue: QueueKeys): Promise<{ id: string; atMs: number }[]> {
  const flat = await redis.zrevrange(queue.failed, 0, -1, 'WITHSCORES');
  return Array.from({ length: flat.length / 2 }, (_, n) => ({ id: flat[2 * n]!, atMs: Number(flat[2 * n + 1]) }));
}

/** Returns how many jobs workers hold. */
export async function countActive(redis: Redis, queue: QueueKeys): Promise<number> {
  return redis.llen(queue.active);
}

/** Returns the payload of a job as it is stored, in JSON; null when there is no such job. */
export async function storedPayload(redis: Redis, queue: QueueKeys, id: string): Promise<string | null> {
  return redis.hget(queue.job(id), JOB_FIELDS.payload);
}

const SCAN_COUNT = 500;

/** Yields every job that is in the queue from the first step to the last, in whatever state, with its stored payload. */
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
      // The queue's own hashes have no payload.
      if (data !== null) yield { id, data };
    }
  } while (cursor !== '0');
}
