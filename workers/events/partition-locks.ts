import { randomUUID } from 'node:crypto';
import type { RedisLink } from '../../shared/queue/connect';
import type { RedisKeys } from '../../shared/queue/keys';

/** Longer than a commit takes; a lock that outlives its crashed holder delays a partition by no more than this. */
const LOCK_MS = 5_000;

const ACQUIRE = `
local got = {}
for i, key in ipairs(KEYS) do
  got[i] = redis.call('SET', key, ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
end
return got
`;
const RELEASE = `
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('DEL', key) end
end
return 1
`;

interface LockCommands {
  mirLock(numKeys: number, ...args: (string | number)[]): Promise<number[]>;
  mirUnlock(numKeys: number, ...args: (string | number)[]): Promise<number>;
}

/**
 * Short locks that keep worker processes off each other's partitions, so that their transactions do not conflict.
 * Only a hint: without it (Redis away, a lock expired) commits are merely tried again.
 */
export function createPartitionLocks(link: RedisLink, keys: RedisKeys) {
  const redis = link.client as RedisLink['client'] & LockCommands;
  redis.defineCommand('mirLock', { lua: ACQUIRE });
  redis.defineCommand('mirUnlock', { lua: RELEASE });
  const token = randomUUID();
  return {
    /** Those of the partitions that are now this process's. */
    async acquire(partitions: number[]): Promise<number[]> {
      try {
        const got = await redis.mirLock(partitions.length, ...partitions.map(keys.partitionLock), token, LOCK_MS);
        return partitions.filter((_, n) => got[n] === 1);
      } catch {
        return partitions;
      }
    },
    async release(partitions: number[]): Promise<void> {
      if (partitions.length === 0) return;
      await redis.mirUnlock(partitions.length, ...partitions.map(keys.partitionLock), token).catch(() => undefined);
    },
  };
}

export type PartitionLocks = ReturnType<typeof createPartitionLocks>;
