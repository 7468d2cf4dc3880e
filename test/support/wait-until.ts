import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 10;
/** The polling interval after `LATER_AFTER_MS`. Longer, because polling slows down the work that the test waits for. */
const LATER_POLL_MS = 100;
const LATER_AFTER_MS = 500;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Polls until `isTrue` returns true. After the timeout, throws an error with `what` in its message. */
export async function waitUntil(
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const startedAt = Date.now();
  while (!(await isTrue())) {
    const waitedMs = Date.now() - startedAt;
    if (waitedMs > timeoutMs) throw new Error(`gave up waiting until ${what}`);
    await delay(waitedMs < LATER_AFTER_MS ? POLL_MS : LATER_POLL_MS);
  }
}

/** Returns whether the promise is fulfilled. Never rejects. */
export function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
