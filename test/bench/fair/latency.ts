import { setTimeout as delay } from 'node:timers/promises';

/** Pause of a connection between two requests. With it, a handful of connections use a small share of the CPU. */
const PAUSE_MS = 5;

/**
 * Measures the latency of requests until `isDone` returns true, on `connections` connections with a pause after each
 * request. `request` returns whether it succeeded.
 */
export async function sampleLatency(
  connections: number,
  request: () => Promise<boolean>,
  isDone: () => boolean,
): Promise<{ samples: number[]; failed: number }> {
  const samples: number[] = [];
  let failed = 0;
  const caller = async (): Promise<void> => {
    while (!isDone()) {
      const startedAt = performance.now();
      if (!(await request())) failed += 1;
      samples.push(performance.now() - startedAt);
      await delay(PAUSE_MS);
    }
  };
  await Promise.all(Array.from({ length: connections }, caller));
  return { samples, failed };
}
