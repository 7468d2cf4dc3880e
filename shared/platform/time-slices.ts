/** Waits for the owner's next slice of the event loop. */
export type NextSlice = (owner: string) => Promise<void>;

/**
 * Shares the event loop among long computations: each of its turns grants one slice, to the owners in rotation, so that
 * other requests wait for one slice at the most, however many computations run and whoever started them.
 */
export function createTimeSlices(): NextSlice {
  const waiting = new Map<string, (() => void)[]>();

  const grant = (): void => {
    const [owner, own] = waiting.entries().next().value!;
    // Behind the others, or away when nothing of it waits.
    waiting.delete(owner);
    const resolve = own.shift()!;
    if (own.length > 0) waiting.set(owner, own);
    if (waiting.size > 0) setImmediate(grant);
    resolve();
  };

  return (owner) =>
    new Promise((resolve) => {
      const own = waiting.get(owner);
      if (own) own.push(resolve);
      else if (waiting.set(owner, [resolve]).size === 1) setImmediate(grant);
    });
}
