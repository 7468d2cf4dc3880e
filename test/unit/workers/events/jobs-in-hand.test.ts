import { describe, expect, it } from '@jest/globals';
import { createJobsInHand } from '../../../../workers/events/jobs-in-hand';

const FULL = 500;

describe('the number of bulk jobs in hand', () => {
  it('stays at the limit for full chunks while chunks are full', () => {
    const inHand = createJobsInHand(16);
    for (let n = 0; n < 100; n += 1) expect(inHand.limitAfter(FULL)).toBe(16);
  });

  it('grows to four times the limit while chunks are small', () => {
    const inHand = createJobsInHand(16);
    const limits = Array.from({ length: 200 }, () => inHand.limitAfter(1));
    expect(limits[0]).toBe(16);
    expect([...limits].sort((a, b) => a - b)).toEqual(limits);
    expect(limits.at(-1)).toBe(64);
  });

  it('returns to the limit for full chunks after a single one', () => {
    const inHand = createJobsInHand(16);
    for (let n = 0; n < 200; n += 1) inHand.limitAfter(1);
    expect(inHand.limitAfter(FULL)).toBe(16);
  });

  it('keeps the number of events in hand constant for chunks of medium size', () => {
    const inHand = createJobsInHand(16);
    let limit = 0;
    for (let n = 0; n < 200; n += 1) limit = inHand.limitAfter(FULL / 2);
    expect(limit).toBe(32);
  });
});
