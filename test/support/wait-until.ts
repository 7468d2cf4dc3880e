import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Polls until `isTrue` answers true. Fails with what was waited for; the time decides nothing but giving up. */
export async function waitUntil(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting until ${what}`);
    await delay(POLL_MS);
  }
}
