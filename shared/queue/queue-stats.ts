import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import { JOB_FIELDS, PRIORITY_STEP, queueKeys } from './bullmq-internals';

/**
 * Maximum number of priorities to inspect, lowest first. If more are in use, as in a long backlog of the bulk lane, the
 * age of the oldest waiting job may be understated.
 */
const MAX_PRIORITIES = 1_000;

/**
 * Maximum number of active jobs to inspect, oldest first. Exceeds the number of jobs that several workers process at
 * once.
 */
const MAX_ACTIVE = 1_000;

/** A snapshot of a queue. */
export interface QueueStats {
  jobs: Record<'waiting' | 'prioritized' | 'active' | 'delayed' | 'failed', number>;
  /** Age of the oldest waiting job, or 0 if no job is waiting. */
  oldestWaitingMs: number;
  /** Run time of the longest-running job, or 0 if no job is running. */
  longestActiveMs: number;
}

/** Reads the statistics of one shard of a queue in one round trip, regardless of the queue's length. */
async function shardStats(
  { client }: Pick<RedisLink, 'client'>,
  keys: RedisKeys,
  queue: string,
  shard: number,
): Promise<QueueStats> {
  const of = queueKeys(keys, queue, shard);
  const [waiting, prioritized, active, delayed, failed, oldestWaitingMs, longestActiveMs] = await scripts.queueStats(
    client,
    [of.waiting, of.prioritized, of.active, of.delayed, of.failed],
    [of.jobPrefix, MAX_PRIORITIES, MAX_ACTIVE, PRIORITY_STEP, JOB_FIELDS.addedAtMs, JOB_FIELDS.takenAtMs],
  );
  return { jobs: { waiting, prioritized, active, delayed, failed }, oldestWaitingMs, longestActiveMs };
}

/** Reads a queue's statistics: the sums of the jobs of all its shards, and the highest ages. */
export async function queueStats(
  link: Pick<RedisLink, 'client'>,
  keys: RedisKeys,
  queue: string,
  shards: readonly number[] = [0],
): Promise<QueueStats> {
  const all = await Promise.all(shards.map((shard) => shardStats(link, keys, queue, shard)));
  const sum = (state: keyof QueueStats['jobs']): number => all.reduce((total, { jobs }) => total + jobs[state], 0);
  return {
    jobs: {
      waiting: sum('waiting'),
      prioritized: sum('prioritized'),
      active: sum('active'),
      delayed: sum('delayed'),
      failed: sum('failed'),
    },
    oldestWaitingMs: Math.max(0, ...all.map(({ oldestWaitingMs }) => oldestWaitingMs)),
    longestActiveMs: Math.max(0, ...all.map(({ longestActiveMs }) => longestActiveMs)),
  };
}
