/** Bounds how many tasks run at once, for each key on its own. Without a key, all tasks share one bound. */
export interface Semaphore {
  /** Waits for a permit and returns the function that gives it back; call that once. Throws `onFull()`. */
  acquire(key?: string): Promise<() => void>;
  /** Runs a task while it holds a permit. Throws `onFull()`. */
  run<T>(task: () => Promise<T>, key?: string): Promise<T>;
}

interface Permits {
  taken: number;
  waiting: (() => void)[];
}

/** Waiting tasks run in the order in which they came. A task that finds `maxWaiting` others waiting gets `onFull()`. */
export function createSemaphore({
  maxAtOnce,
  maxWaiting,
  onFull,
}: {
  maxAtOnce: number;
  maxWaiting: number;
  onFull: () => Error;
}): Semaphore {
  // Keys without a task take no memory.
  const permitsByKey = new Map<string, Permits>();

  const release = (key: string, permits: Permits): void => {
    // A permit that is handed on stays taken.
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
      const giveBack = await acquire(key);
      try {
        return await task();
      } finally {
        giveBack();
      }
    },
  };
}
