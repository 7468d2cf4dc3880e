import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors';
import type { Log } from '../log';

const FIRST_WAIT_MS = 50;
const MAX_WAIT_MS = 2_000;

/**
 * Does `work` until it succeeds, waiting longer and longer between tries: an outage costs time, never data. An error
 * that `isFatal` is thrown on. Ends with the signal's reason when the process gives up waiting.
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
      log.warn({ err: messageOf(error), tries }, `${what}: waiting to try again`);
      await delay(Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), MAX_WAIT_MS), undefined, { signal });
    }
  }
}

/** Stops waiting for `work` when the signal comes; the work itself is not cancelled, and its outcome stays unknown. */
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
