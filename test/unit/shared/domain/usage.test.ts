import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  bucketStart,
  countsIn,
  createUsageTally,
  DEFAULT_USAGE_DAYS,
  enteredField,
  finishedField,
  HOUR_MS,
  laterCounts,
  MAX_USAGE_DAYS,
  REJECTED_EVENTS_FIELD,
  type RequestCounts,
  USAGE_BUCKETS,
  usageRangeOf,
} from '../../../../shared/domain/usage';

const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.UTC(2026, 0, 31, 9, 30);

const anyGroup = fc.constantFrom('events', 'signals');
const anyField = fc.oneof(
  anyGroup.map(enteredField),
  fc
    .tuple(anyGroup, fc.constantFrom(200, 202, 404, 429, 499, 503), fc.constantFrom(null, 'NOT_FOUND', 'OVERLOADED'))
    .map((parts) => finishedField(...parts)),
  fc.constant(REJECTED_EVENTS_FIELD),
);
const anyCounts: fc.Arbitrary<RequestCounts> = fc.dictionary(anyField, fc.integer({ min: 1, max: 1_000 }));

const summaryOf = (...hours: RequestCounts[]) => {
  const tally = createUsageTally();
  hours.forEach((hour) => tally.addRequests(hour));
  return tally.summary();
};

describe('a summary of requests', () => {
  it('counts what has entered and not finished as unfinished', () => {
    const counts = { 'in:events': 5, 'out:events:202:': 2, 'out:events:429:RATE_LIMITED': 1, rejected: 7 };
    expect(summaryOf(counts)).toMatchObject({
      events: { rejected: 7, persisted: 0 },
      requests: [
        { group: 'events', total: 5, byStatusClass: { '2xx': 2, '3xx': 0, '4xx': 1, '5xx': 0 }, unfinished: 2 },
      ],
      rejections: [{ code: 'RATE_LIMITED', status: 429, requests: 1 }],
    });
  });

  it('is not negative if the counts of requests that entered are lost', () => {
    const [group] = summaryOf({ 'in:events': 1, 'out:events:202:': 3 }).requests;
    expect(group).toMatchObject({ total: 3, unfinished: 0 });
  });

  it('adds up, so that every request is in exactly one status class or unfinished', () => {
    fc.assert(
      fc.property(fc.array(anyCounts), (hours) => {
        const { requests, rejections } = summaryOf(...hours);
        for (const { total, byStatusClass, unfinished } of requests) {
          expect(Object.values(byStatusClass).reduce((sum, count) => sum + count, unfinished)).toBe(total);
        }
        const problems = hours
          .flatMap((hour) => Object.entries(hour))
          .filter(([field]) => /[A-Z]$/.test(field))
          .reduce((sum, [, count]) => sum + count, 0);
        expect(rejections.reduce((sum, one) => sum + one.requests, 0)).toBe(problems);
      }),
    );
  });

  it('merges two readings of an hour in any order, and any number of times', () => {
    fc.assert(
      fc.property(anyCounts, anyCounts, (a, b) => {
        const merged = laterCounts(a, b);
        expect(laterCounts(b, a)).toEqual(merged);
        expect(laterCounts(merged, a)).toEqual(merged);
      }),
    );
  });

  it('reads only counts from Redis', () => {
    const hash = { 'in:events': '2', 'out:events:202:': '1', rejected: '3', rev: '9', 'batch:p1': '4' };
    expect(countsIn(hash)).toEqual({ 'in:events': 2, 'out:events:202:': 1, rejected: 3 });
  });
});

describe('a range of usage', () => {
  const iso = (atMs: number): string => new Date(atMs).toISOString();

  it('covers the requested times in whole buckets', () => {
    const anyTime = fc.integer({ min: 0, max: NOW_MS });
    fc.assert(
      fc.property(anyTime, anyTime, fc.constantFrom(...USAGE_BUCKETS), (fromMs, toMs, bucket) => {
        const { range } = usageRangeOf({ from: iso(fromMs), to: iso(toMs), bucket }, NOW_MS);
        expect(range.fromMs).toBe(bucketStart(fromMs, bucket));
        expect(range.toMs).toBe(bucketStart(range.toMs, bucket));
        expect(range.toMs).toBeGreaterThanOrEqual(toMs);
      }),
    );
  });

  it.each(USAGE_BUCKETS)('has a default and a maximum for buckets of one %s', (bucket) => {
    const { range, problem } = usageRangeOf({ bucket }, NOW_MS);
    expect(problem).toBeNull();
    expect(range.fromMs).toBe(bucketStart(NOW_MS - DEFAULT_USAGE_DAYS[bucket] * DAY_MS, bucket));
    const from = (days: number) => usageRangeOf({ bucket, from: iso(NOW_MS - days * DAY_MS) }, NOW_MS).problem;
    expect(from(MAX_USAGE_DAYS[bucket])).toBeNull();
    expect(from(MAX_USAGE_DAYS[bucket] + 1)).toMatch(new RegExp(`at most ${MAX_USAGE_DAYS[bucket]} days`));
    expect(from(0)).toMatch(/before/);
  });
});
