import type { RedisLink } from '../../shared/redis/connect';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';

/** Longer than a commit takes; a lock that outlives its crashed holder delays a partition by no more than this. */
const LOCK_MS = 5_000;

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
  const redis = link.client;
  const namesOf = (partitions: number[]): [string, ...string[]] => [
    keys.partitionHolders(),
    ...partitions.map(keys.partitionLock),
  ];
  return {
    /** Those of the partitions that are now the session's. */
    async acquire(partitions: number[], sessionName: string): Promise<Acquired> {
      try {
        const got = await scripts.lockPartitions(redis, namesOf(partitions), [sessionName, LOCK_MS]);
        const orphans = got.filter((holder): holder is string => typeof holder === 'string');
        return { partitions: partitions.filter((_, n) => got[n] !== 0), orphans: [...new Set(orphans)] };
      } catch {
        return { partitions, orphans: [] };
      }
    },
    async release(partitions: number[], sessionName: string): Promise<void> {
      if (partitions.length === 0) return;
      await scripts.unlockPartitions(redis, namesOf(partitions), [sessionName]).catch(() => undefined);
    },
  };
}

export type PartitionLocks = ReturnType<typeof createPartitionLocks>;
