import type { UserRef } from './ids';

/** Number of cache slots that users are divided into. */
export const CACHE_SLOTS = 16;
/** Number of partitions that a tenant's users are divided into for commits. */
export const COMMIT_PARTITIONS = 64;

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Derives a user's cache slot from the last character of the keyed hash. Users are spread evenly across the slots, and
 * every process derives the same slot for a user.
 */
export function cacheSlotOf(userRef: UserRef): number {
  return commitPartitionOf(userRef) % CACHE_SLOTS;
}

/** Derives the partition for commits of a user's events, like `cacheSlotOf`. */
export function commitPartitionOf(userRef: UserRef): number {
  return BASE64URL.indexOf(userRef.at(-1)!);
}
