import { describe, expect, it } from '@jest/globals';
import {
  activeSigningKey,
  firstKeptGeneration,
  nextSigningKey,
  SIGNING_KEY_PUBLISHED_AHEAD_DAYS,
  SIGNING_KEY_ROTATION_DAYS,
  type SigningKeyTerm,
} from '../../../../shared/domain/signing-key';

const DAY_MS = 24 * 3_600_000;
const day = (n: number): Date => new Date(Date.UTC(2026, 0, 1) + n * DAY_MS);
const key = (generation: number, fromDay: number): SigningKeyTerm => ({ generation, activeFrom: day(fromDay) });

/** Creates keys on each of the days, and returns all of them. */
function keysAfter(days: Iterable<number>): SigningKeyTerm[] {
  const keys: SigningKeyTerm[] = [];
  for (const n of days) {
    const next = nextSigningKey(keys, day(n));
    if (next) keys.push(next);
  }
  return keys;
}

describe('signing keys', () => {
  it('uses the first key at once', () => {
    expect(nextSigningKey([], day(5))).toEqual(key(1, 5));
  });

  it('creates each next key ahead of its use, and replaces keys at equal intervals', () => {
    const daily = Array.from({ length: 3 * SIGNING_KEY_ROTATION_DAYS }, (_, n) => n);
    const starts = [0, 1, 2, 3].map((n) => key(n + 1, n * SIGNING_KEY_ROTATION_DAYS));
    expect(keysAfter(daily)).toEqual(starts);
    const beforeDue = SIGNING_KEY_ROTATION_DAYS - SIGNING_KEY_PUBLISHED_AHEAD_DAYS - 1;
    expect(nextSigningKey([key(1, 0)], day(beforeDue))).toBeNull();
  });

  it('publishes a key ahead of its use also if no process ran when it was due', () => {
    const late = 2 * SIGNING_KEY_ROTATION_DAYS;
    expect(nextSigningKey([key(1, 0)], day(late))).toEqual(key(2, late + SIGNING_KEY_PUBLISHED_AHEAD_DAYS));
  });

  it('signs with the newest key that has begun to sign', () => {
    const keys = [key(3, 180), key(1, 0), key(2, 90)];
    expect(activeSigningKey(keys, day(-1))).toBeNull();
    for (const [at, generation] of [
      [0, 1],
      [89, 1],
      [90, 2],
      [400, 3],
    ] as const) {
      expect(activeSigningKey(keys, day(at))?.generation).toBe(generation);
    }
  });

  it('keeps private parts for a day after a key was replaced', () => {
    const keys = [key(1, 0), key(2, 90)];
    expect(firstKeptGeneration([], day(0))).toBe(0);
    expect(firstKeptGeneration(keys, day(90.5))).toBe(1);
    expect(firstKeptGeneration(keys, day(91))).toBe(2);
  });
});
