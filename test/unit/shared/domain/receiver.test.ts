import { describe, expect, it } from '@jest/globals';
import { isAcknowledged, pushRetryDelayMs } from '../../../../shared/domain/receiver';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

describe('pushRetryDelayMs', () => {
  it('retries soon at first, and for a day', () => {
    const attemptsAtMs: number[] = [];
    let ageMs = 0;
    for (;;) {
      attemptsAtMs.push(ageMs);
      const delayMs = pushRetryDelayMs(attemptsAtMs.length - 1, ageMs);
      if (delayMs === null) break;
      ageMs += delayMs;
    }
    expect(attemptsAtMs.slice(0, 6)).toEqual([0, 1_000, 6_000, 21_000, 51_000, 111_000]);
    expect(ageMs).toBeGreaterThanOrEqual(DAY_MS);
    expect(ageMs).toBeLessThan(DAY_MS + 5 * MINUTE_MS);
    const waits = attemptsAtMs.slice(1).map((at, n) => at - attemptsAtMs[n]!);
    expect(Math.max(...waits)).toBe(5 * MINUTE_MS);
  });
});

describe('isAcknowledged', () => {
  it('accepts only 202 for a Security Event Token, and any 2xx status otherwise', () => {
    const accepted = (format: 'SET' | 'STANDARD_WEBHOOK' | undefined) =>
      [null, 200, 202, 204, 299, 300, 400, 503].filter((status) => isAcknowledged(status, format));
    expect(accepted('SET')).toEqual([202]);
    expect(accepted('STANDARD_WEBHOOK')).toEqual([200, 202, 204, 299]);
    expect(accepted(undefined)).toEqual([200, 202, 204, 299]);
  });
});
