import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';
import { scripts } from '../../shared/redis/scripts';
import type { Partition } from './waiting-events';

/** A crashed holder delays its partitions by no more than this. */
export const LOCK_MS = 5_000;
const RENEW_EVERY_MS = LOCK_MS / 3;

/** Partitions that are locked until `release` is called. */
export interface HeldPartitions {
  partitions: Partition[];
  release(): Promise<void>;
}

/**
 * Creates short-lived locks that keep worker processes off each other's partitions, so that their transactions do not
 * conflict. The locks are only an optimization: without them (Redis down, lock expired), conflicting commits are
 * retried. In a measurement with four worker processes, 0% of commits were retried with the locks and 20–50% without
 * them.
 */
export function createPartitionLocks({ client }: RedisLink, keys: RedisKeys) {
  const locksOf = (partitions: readonly Partition[]): string[] => partitions.map(keys.partitionLock);

  return {
    /**
     * Locks partitions that are free, in order, until they have `maxEvents` waiting events. Renews the locks until they
     * are released. Returns all partitions if Redis fails.
     */
    async acquire(
      candidates: readonly { partition: Partition; events: number }[],
      maxEvents: number,
      holder: string,
    ): Promise<HeldPartitions> {
      const all = candidates.map(({ partition }) => partition);
      const weights = candidates.map(({ events }) => events);
      const partitions = await scripts
        .lockPartitions(client, locksOf(all), [holder, LOCK_MS, maxEvents, ...weights])
        .then(
          (replies) => all.filter((_, n) => replies[n] === 1),
          () => all,
        );
      if (partitions.length === 0) return { partitions, release: () => Promise.resolve() };
      const locks = locksOf(partitions);
      const renewal = setInterval(() => {
        scripts.renewLocks(client, locks, [holder, LOCK_MS]).catch(() => undefined);
      }, RENEW_EVERY_MS);
      return {
        partitions,
        release: async () => {
          clearInterval(renewal);
          await scripts.releaseLocks(client, locks, [holder]).catch(() => undefined);
        },
      };
    },
  };
}

export type PartitionLocks = ReturnType<typeof createPartitionLocks>;
