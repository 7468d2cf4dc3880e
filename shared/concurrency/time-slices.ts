/** Waits for the owner's next slice of the event loop. */
export type NextSlice = (owner: string) => Promise<void>;

/**
 * Shares the event loop among long computations. Each turn of the loop grants one slice, rotating among the owners.
 * Other requests wait for at most one slice per turn, no matter how many computations are running.
 */
export function createTimeSlices(): NextSlice {
  const waiting = new Map<string, (() => void)[]>();

  const grant = (): void => {
    const [owner, own] = waiting.entries().next().value!;
    // Moves the owner to the end of the rotation, or removes it if it has no more work.
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
