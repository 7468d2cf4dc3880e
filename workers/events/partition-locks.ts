import type { RedisLink } from '../../shared/redis/connect';
import type { RedisKeys } from '../../shared/redis/keys';

/** Longer than a commit takes; a lock that outlives its crashed holder delays a partition by no more than this. */
const LOCK_MS = 5_000;

/** Answer a partition: 0 not got; 1 got; a session's name: got, from a holder that never gave it back. */
const ACQUIRE = `
local got = {}
for i = 2, #KEYS do
  got[i - 1] = 0
  if redis.call('SET', KEYS[i], ARGV[1], 'NX', 'PX', ARGV[2]) then
    local before = redis.call('HGET', KEYS[1], KEYS[i])
    got[i - 1] = before or 1
    redis.call('HSET', KEYS[1], KEYS[i], ARGV[1])
  end
end
return got
`;
/** A holder whose lock expired while it worked is named no longer either: it did not die. */
const RELEASE = `
for i = 2, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[1] then redis.call('DEL', KEYS[i]) end
  if redis.call('HGET', KEYS[1], KEYS[i]) == ARGV[1] then redis.call('HDEL', KEYS[1], KEYS[i]) end
end
return 1
`;

interface LockCommands {
  mirLock(numKeys: number, ...args: (string | number)[]): Promise<(number | string)[]>;
  mirUnlock(numKeys: number, ...args: (string | number)[]): Promise<number>;
}

export interface Acquired {
  partitions: number[];
  /** Store sessions of holders that died with their locks: what they left open would block us for a minute. */
  orphans: string[];
}

/**
 * Short locks that keep worker processes off each other's partitions, so that their transactions do not conflict.
 * An optimization: without it (Redis away, a lock expired) commits are merely tried again. A lock has the name of the
 * store session that commits under it.
 */
export function createPartitionLocks(link: RedisLink, keys: RedisKeys) {
  const redis = link.client as RedisLink['client'] & LockCommands;
  redis.defineCommand('mirLock', { lua: ACQUIRE });
  redis.defineCommand('mirUnlock', { lua: RELEASE });
  const namesOf = (partitions: number[]): string[] => [keys.partitionHolders(), ...partitions.map(keys.partitionLock)];
  return {
    /** Those of the partitions that are now the session's. */
    async acquire(partitions: number[], sessionName: string): Promise<Acquired> {
      try {
        const got = await redis.mirLock(partitions.length + 1, ...namesOf(partitions), sessionName, LOCK_MS);
        const orphans = got.filter((holder): holder is string => typeof holder === 'string');
        return { partitions: partitions.filter((_, n) => got[n] !== 0), orphans: [...new Set(orphans)] };
      } catch {
        return { partitions, orphans: [] };
      }
    },
    async release(partitions: number[], sessionName: string): Promise<void> {
      if (partitions.length === 0) return;
      await redis.mirUnlock(partitions.length + 1, ...namesOf(partitions), sessionName).catch(() => undefined);
    },
  };
}

export type PartitionLocks = ReturnType<typeof createPartitionLocks>;
