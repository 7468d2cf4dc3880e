import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors';
import type { Log } from '../log';

const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 2_000;

/**
 * Retries `work` with exponential backoff until it succeeds, so an outage delays the work but does not cause data loss.
 * Rethrows an error if `isFatal` returns true for it. Rejects with the signal's reason once the signal aborts.
 */
export async function retryUntilAborted<T>(
  work: () => Promise<T>,
  {
    what,
    log,
    signal,
    isFatal,
  }: { what: string; log: Log; signal: AbortSignal; isFatal?: (error: unknown) => boolean },
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    try {
      return await orAborted(work(), signal);
    } catch (error) {
      if (signal.aborted || isFatal?.(error)) throw error;
      log.warn({ err: messageOf(error), tries }, `${what} failed, retrying`);
      await delay(Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), MAX_WAIT_MS), undefined, { signal });
    }
  }
}

/** Stops waiting for `work` when the signal aborts. Does not cancel the work, so its outcome is unknown. */
export async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
