import type { RedisLink } from '../../shared/redis/connect';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';

/** Longer than a commit takes. A crashed holder blocks its partitions for at most this long. */
export const LOCK_MS = 5_000;

/**
 * Creates short-lived locks that keep worker processes off each other's partitions, so that their transactions do not
 * conflict. The locks are only an optimization: without them (Redis down, lock expired), conflicting commits are
 * retried. In a measurement with four worker processes, 0% of commits were retried with the locks and 20–50% without
 * them.
 */
export function createPartitionLocks({ client }: RedisLink, keys: RedisKeys) {
  return {
    /** Returns the partitions that `holder` now owns. Returns all requested partitions if Redis fails. */
    async acquire(partitions: number[], holder: string): Promise<number[]> {
      try {
        const replies = await scripts.lockPartitions(client, partitions.map(keys.partitionLock), [holder, LOCK_MS]);
        return partitions.filter((_, n) => replies[n] === 1);
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
