/** Limits the number of concurrent tasks per key. Tasks without a key share one limit. */
export interface Semaphore {
  /**
   * Waits for a permit. Returns a function that releases the permit and must be called once. Throws `onFull()` if too
   * many tasks are waiting.
   */
  acquire(key?: string): Promise<() => void>;
  /** Runs a task with a permit. Throws `onFull()` if too many tasks are waiting. */
  run<T>(task: () => Promise<T>, key?: string): Promise<T>;
}

interface Permits {
  taken: number;
  waiting: (() => void)[];
}

/** Creates a semaphore. Waiting tasks run in order of arrival. At most `maxWaiting` tasks wait per key. */
export function createSemaphore({
  maxAtOnce,
  maxWaiting,
  onFull,
}: {
  maxAtOnce: number;
  maxWaiting: number;
  onFull: () => Error;
}): Semaphore {
  // Contains only keys with running tasks, so memory does not grow with the number of keys used.
  const permitsByKey = new Map<string, Permits>();

  const release = (key: string, permits: Permits): void => {
    // The next task takes over the permit, so the count stays the same.
    const next = permits.waiting.shift();
    if (next) return next();
    permits.taken -= 1;
    if (permits.taken === 0) permitsByKey.delete(key);
  };

  const acquire = async (key = ''): Promise<() => void> => {
    let permits = permitsByKey.get(key);
    if (!permits) permitsByKey.set(key, (permits = { taken: 0, waiting: [] }));
    const { waiting } = permits;
    if (permits.taken < maxAtOnce) permits.taken += 1;
    else if (waiting.length < maxWaiting) await new Promise<void>((resolve) => waiting.push(resolve));
    else throw onFull();
    const taken = permits;
    return () => release(key, taken);
  };

  return {
    acquire,
    run: async (task, key) => {
      const releasePermit = await acquire(key);
      try {
        return await task();
      } finally {
        releasePermit();
      }
    },
  };
}
