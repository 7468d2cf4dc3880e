import { describe, expect, it } from '@jest/globals';
import { planAt, type ScheduledFault } from '../../faults/schedule';

const USUAL: ScheduledFault[] = [1, 2, 3, 4, 5].map((number) => ({ number, seconds: { from: 1, to: 30 } }));
const RARE: ScheduledFault = { number: 9, seconds: [60], rare: true };
const FAULTS = [...USUAL, RARE];

const numbersOf = (seed: number, from: number, count: number, faults = FAULTS): number[] =>
  Array.from({ length: count }, (_, n) => planAt(seed, from + n, faults).number);
const factsAt = (seed: number, position: number) => {
  const { random, ...facts } = planAt(seed, position, FAULTS);
  return { ...facts, decisions: Array.from({ length: 5 }, () => random.int(0, 1_000)) };
};

describe('the schedule of faults', () => {
  it('is the same for the same seed, from any position', () => {
    for (let position = 0; position < 40; position += 1) expect(factsAt(7, position)).toEqual(factsAt(7, position));
    expect(numbersOf(7, 20, 20)).toEqual(numbersOf(7, 0, 40).slice(20));
  });

  it('differs between seeds', () => {
    expect(numbersOf(1, 0, 40)).not.toEqual(numbersOf(2, 0, 40));
  });

  it('runs every fault once in each round, and a rare one only in the first', () => {
    expect(new Set(numbersOf(3, 0, 6))).toEqual(new Set([1, 2, 3, 4, 5, 9]));
    for (let round = 0; round < 5; round += 1) {
      expect(new Set(numbersOf(3, 6 + round * 5, 5))).toEqual(new Set([1, 2, 3, 4, 5]));
    }
  });

  it('repeats a rare fault if no other one is chosen', () => {
    expect(numbersOf(3, 0, 3, [RARE])).toEqual([9, 9, 9]);
  });

  it('draws durations from the range or the list of the fault', () => {
    const plans = Array.from({ length: 60 }, (_, position) => planAt(5, position, FAULTS));
    const seconds = plans.filter(({ number }) => number !== 9).map((plan) => plan.seconds);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(30);
    expect(new Set(seconds).size).toBeGreaterThan(10);
    expect(plans.find(({ number }) => number === 9)!.seconds).toBe(60);
  });
});
