import type { RedisLink } from './connect';
import type { RedisKeys } from './keys';

/** Jobs of one tenant are spread over so many priorities at most (see enqueue.ts). */
const MAX_PRIORITIES = 1_000;

/**
 * Counts the jobs and finds when the oldest that waits was added: `wait` is in that order, `prioritized` within each
 * priority, so its first of each is looked at. KEYS: wait, prioritized, active, delayed, failed.
 * ARGV: prefix of the jobs' keys, most priorities.
 */
const LOOK = `
local heads = { redis.call('LINDEX', KEYS[1], -1) }
local from = '-inf'
for n = 1, tonumber(ARGV[2]) do
  local head = redis.call('ZRANGEBYSCORE', KEYS[2], from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if not head[1] then break end
  heads[n + 1] = head[1]
  from = (math.floor(head[2] / 4294967296) + 1) * 4294967296
end
local oldest = -1
for _, id in pairs(heads) do
  local at = id and tonumber(redis.call('HGET', ARGV[1] .. id, 'timestamp'))
  if at and (oldest == -1 or at < oldest) then oldest = at end
end
local now = redis.call('TIME')
local age = oldest == -1 and 0 or math.max(0, now[1] * 1000 + math.floor(now[2] / 1000) - oldest)
return {
  redis.call('LLEN', KEYS[1]), redis.call('ZCARD', KEYS[2]), redis.call('LLEN', KEYS[3]),
  redis.call('ZCARD', KEYS[4]), redis.call('ZCARD', KEYS[5]), age
}
`;

/** A queue at one moment. */
export interface QueueLook {
  jobs: Record<'waiting' | 'prioritized' | 'active' | 'delayed' | 'failed', number>;
  /** Age of the oldest job that waits for a worker; 0 when none does. */
  oldestWaitingMs: number;
}

/** Looks at a queue in one round trip, whatever its length. */
export async function lookAtQueue(
  { client }: Pick<RedisLink, 'client'>,
  keys: RedisKeys,
  queue: string,
): Promise<QueueLook> {
  const prefix = `${keys.queuePrefix(queue)}:${queue}:`;
  const sets = ['wait', 'prioritized', 'active', 'delayed', 'failed'].map((name) => prefix + name);
  const answer = (await client.eval(LOOK, sets.length, ...sets, prefix, MAX_PRIORITIES)) as number[];
  const [waiting, prioritized, active, delayed, failed, oldestWaitingMs] = answer as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { jobs: { waiting, prioritized, active, delayed, failed }, oldestWaitingMs };
}
