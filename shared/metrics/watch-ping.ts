import type { Count } from './values';

const PING_EVERY_MS = 1_000;

/**
 * Pings once per second, never concurrently, and measures each ping. `ping` must have its own timeout. Returns a
 * function that stops the pings.
 */
export function watchPing(
  ping: () => Promise<unknown>,
  to: { seconds: { observe(seconds: number): void }; failures: Count },
): () => void {
  let waiting = false;
  const timer = setInterval(() => {
    if (waiting) return;
    waiting = true;
    const startedAtMs = performance.now();
    ping()
      .then(
        () => to.seconds.observe((performance.now() - startedAtMs) / 1000),
        () => to.failures.inc(),
      )
      .finally(() => {
        waiting = false;
      });
  }, PING_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
