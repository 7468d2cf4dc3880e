import type { RedisLink } from '../../shared/redis/connect';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';

/** Longer than a commit takes; a lock that outlives its crashed holder delays a partition by no more than this. */
export const LOCK_MS = 5_000;

/**
 * Short locks that keep worker processes off each other's partitions, so that their transactions do not conflict. An
 * optimization: without it (Redis down, a lock expired) commits are merely retried. Measured with four worker processes:
 * 0 % of commits retried with the locks, 20–50 % without.
 */
export function createPartitionLocks({ client }: RedisLink, keys: RedisKeys) {
  return {
    /** Returns those of the partitions that are now the holder's. */
    async acquire(partitions: number[], holder: string): Promise<number[]> {
      try {
        const got = await scripts.lockPartitions(client, partitions.map(keys.partitionLock), [holder, LOCK_MS]);
        return partitions.filter((_, n) => got[n] === 1);
      } catch {
        return partitions;
      }
    },
    async release(partitions: number[], holder: string): Promise<void> {
      if (partitions.length === 0) return;
      await scripts.releaseLocks(client, partitions.map(keys.partitionLock), [holder]).catch(() => undefined);
    },
  };
}

export type PartitionLocks = ReturnType<typeof createPartitionLocks>;
