import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';

/** Jobs of one tenant are spread over so many priorities at most (see enqueue.ts). */
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
  const prefix = `${keys.queuePrefix(queue)}:${queue}:`;
  const [waiting, prioritized, active, delayed, failed, oldestWaitingMs, longestActiveMs] = await scripts.queueStats(
    client,
    [`${prefix}wait`, `${prefix}prioritized`, `${prefix}active`, `${prefix}delayed`, `${prefix}failed`],
    [prefix, MAX_PRIORITIES, MAX_ACTIVE],
  );
  return { jobs: { waiting, prioritized, active, delayed, failed }, oldestWaitingMs, longestActiveMs };
}
