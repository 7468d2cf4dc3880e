import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Counter, Histogram, Registry } from 'prom-client';
import { watchPing } from '../../../../shared/metrics/watch-ping';

const SECOND_MS = 1_000;

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** Watches a ping function, and returns one function that stops watching and another that returns the counts. */
function watched(ping: () => Promise<unknown>) {
  const registers = [new Registry()];
  const seconds = new Histogram({ name: 'seconds', help: 'h', registers });
  const failures = new Counter({ name: 'failures_total', help: 'h', registers });
  const stop = watchPing(ping, { seconds, failures });
  return {
    stop,
    counted: async () => ({
      answered: (await seconds.get()).values.find(({ metricName }) => metricName === 'seconds_count')?.value,
      failed: (await failures.get()).values[0]?.value,
    }),
  };
}

describe('watchPing', () => {
  it('counts every ping as either answered or failed', async () => {
    let pings = 0;
    const { counted, stop } = watched(() =>
      (pings += 1) <= 3 ? Promise.resolve() : Promise.reject(new Error('unreachable')),
    );
    await jest.advanceTimersByTimeAsync(5 * SECOND_MS);
    expect(await counted()).toEqual({ answered: 3, failed: 2 });
    stop();
    await jest.advanceTimersByTimeAsync(5 * SECOND_MS);
    expect(pings).toBe(5);
  });

  it('does not send a second ping until the first one has timed out', async () => {
    const giveUp: (() => void)[] = [];
    const { counted, stop } = watched(
      () => new Promise((_resolve, reject) => giveUp.push(() => reject(new Error('timeout')))),
    );
    await jest.advanceTimersByTimeAsync(10 * SECOND_MS);
    expect(giveUp).toHaveLength(1);
    giveUp[0]!();
    await jest.advanceTimersByTimeAsync(SECOND_MS);
    expect(giveUp).toHaveLength(2);
    expect(await counted()).toEqual({ answered: 0, failed: 1 });
    stop();
  });
});
