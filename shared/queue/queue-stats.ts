import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';

/** Jobs of one tenant are spread over so many priorities at most (see enqueue.ts). */
const MAX_PRIORITIES = 1_000;

/** Jobs at work that are looked at, those taken first; more than a few workers hold at once. */
const MAX_ACTIVE = 1_000;

/**
 * Counts the jobs, finds when the oldest that waits was added (`wait` is in that order, `prioritized` within each
 * priority, so its first of each is looked at) and when the one longest at work was taken.
 * KEYS: wait, prioritized, active, delayed, failed. ARGV: prefix of the jobs' keys, most priorities, most at work.
 */
const QUEUE_STATS = `
local heads = { redis.call('LINDEX', KEYS[1], -1) }
local from = '-inf'
for n = 1, tonumber(ARGV[2]) do
  local head = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not head[1] then break end
  heads[n + 1] = head[1]
  from = (math.floor(head[2] / 4294967296) + 1) * 4294967296
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ageOf(ids, field)
  local oldest = now
  for _, id in pairs(ids) do
    local at = id and tonumber(redis.call('HGET', ARGV[1] .. id, field))
    if at and at < oldest then oldest = at end
  end
  return now - oldest
end
local active = redis.call('LRANGE', KEYS[3], -tonumber(ARGV[3]), -1)
return {
  redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]),
  redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[5]), ageOf(heads, 'timestamp'), ageOf(active, 'processedOn')
}
`;

type QueueStatsAnswer = [number, number, number, number, number, number, number];

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
  const sets = ['wait', 'prioritized', 'active', 'delayed', 'failed'].map((name) => prefix + name);
  const answer = await client.eval(QUEUE_STATS, sets.length, ...sets, prefix, MAX_PRIORITIES, MAX_ACTIVE);
  const [waiting, prioritized, active, delayed, failed, oldestWaitingMs, longestActiveMs] = answer as QueueStatsAnswer;
  return { jobs: { waiting, prioritized, active, delayed, failed }, oldestWaitingMs, longestActiveMs };
}
