import { setTimeout as delay } from 'node:timers/promises';

/** Longer than what a known address takes more than an unknown one: a password's hash and a write. */
const FLOOR_MS = 500;

/** Answers no sooner than after half a second, so that the time does not tell whether an address is known. */
export async function inConstantTime<T>(work: Promise<T>): Promise<T> {
  const [result] = await Promise.all([work, delay(FLOOR_MS)]);
  return result;
}
