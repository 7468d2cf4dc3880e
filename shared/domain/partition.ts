import type { UserRef } from './ids';

/** Number of partitions that users are divided into. Each partition has its own commits, lock and cache slot. */
export const PARTITIONS = 16;

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/**
 * Derives a user's partition from the last character of the keyed hash. Users are spread evenly across the partitions,
 * and every process derives the same partition for a user.
 */
export function partitionOf(userRef: UserRef): number {
  return BASE64URL.indexOf(userRef.at(-1)!) % PARTITIONS;
}
