/** Lets a bounded number of tasks run at once and a bounded number wait for their turn. */
export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/** Throws `onFull()` when as many tasks wait as may. */
export function createGate(maxAtOnce: number, maxWaiting: number, onFull: () => Error): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= maxAtOnce) {
      if (waiting.length >= maxWaiting) throw onFull();
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await task();
    } finally {
      // The turn is handed on, so `running` stays as it is.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
