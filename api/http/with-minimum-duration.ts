import { setTimeout as delay } from 'node:timers/promises';

/** Longer than the extra work for a known address, which is one password hash and one write. */
const MIN_DURATION_MS = 500;

/**
 * Resolves with the result of `work` after at least half a second, so that timing does not reveal whether an address is
 * known.
 */
export async function withMinimumDuration<T>(work: Promise<T>): Promise<T> {
  const [result] = await Promise.all([work, delay(MIN_DURATION_MS)]);
  return result;
}
