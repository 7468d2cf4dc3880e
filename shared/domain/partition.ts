import type { UserRef } from './ids';

/** Users are spread over this many partitions; a commit, its lock and its cache slot belong to one of them. */
export const PARTITIONS = 16;

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Partition of a user: from the last digit of the keyed hash, so evenly spread and the same in every process. */
export function partitionOf(userRef: UserRef): number {
  return BASE64URL.indexOf(userRef.at(-1)!) % PARTITIONS;
}
