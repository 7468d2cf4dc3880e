import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  EMPTY_ROW,
  ownHistory,
  type Signals,
  type SignalsRow,
  signalsPresenter,
} from '../../../../shared/domain/signals';
import { type TierRules, tierOf } from '../../../../shared/domain/tier';

const DAY_MS = 24 * 3600 * 1000;
const NOW_MS = Date.UTC(2026, 5, 1, 12);
const RULES: TierRules = { tier2: { minEvents: 20, minDays: 30 }, tier3: { minEvents: 100, minDays: 180 } };
const presentHistory = signalsPresenter(RULES);
const present = (row: SignalsRow, nowMs: number): Signals => presentHistory(ownHistory(row), 'OWN', nowMs);
const rowOf = (eventCount: number, firstAgoMs: number, lastAgoMs = 0): SignalsRow => ({
  revision: 1,
  eventCount,
  firstEventAtMs: NOW_MS - firstAgoMs,
  lastEventAtMs: NOW_MS - lastAgoMs,
  identity: null,
});

describe('signals', () => {
  it.each([
    [0, 0, 0],
    [1, 0, 1],
    [19, 10_000, 1],
    [20, 29, 1],
    [20, 30, 2],
    [99, 10_000, 2],
    [100, 179, 2],
    [100, 180, 3],
    [1_000_000, 0, 1],
  ])('assigns %i events over %i days to tier %i', (events, days, tier) => {
    expect(tierOf(RULES, events, days)).toBe(tier);
  });

  it('counts a day only once it is complete to the millisecond', () => {
    expect(present(rowOf(20, 30 * DAY_MS), NOW_MS)).toMatchObject({ tier: 2, history: { days: 30 } });
    expect(present(rowOf(20, 30 * DAY_MS - 1), NOW_MS)).toMatchObject({ tier: 1, history: { days: 29 } });
  });

  it('never lowers the tier for more events or a longer history', () => {
    const count = fc.integer({ min: 0, max: 300 });
    fc.assert(
      fc.property(count, count, count, count, (events, days, moreEvents, moreDays) => {
        expect(tierOf(RULES, events + moreEvents, days + moreDays)).toBeGreaterThanOrEqual(tierOf(RULES, events, days));
      }),
    );
  });

  it('states the rule that was met and the next rule in the basis of every tier', () => {
    const basisOf = (row: SignalsRow): unknown => present(row, NOW_MS).basis;
    expect([
      basisOf(EMPTY_ROW),
      basisOf(rowOf(1, 0)),
      basisOf(rowOf(20, 30 * DAY_MS)),
      basisOf(rowOf(100, 180 * DAY_MS)),
    ]).toEqual([
      { scope: 'OWN', tierRule: 'no events', nextTier: { tier: 1, rule: 'any event' } },
      { scope: 'OWN', tierRule: 'any event', nextTier: { tier: 2, rule: '≥ 20 events and ≥ 30 days' } },
      {
        scope: 'OWN',
        tierRule: '≥ 20 events and ≥ 30 days',
        nextTier: { tier: 3, rule: '≥ 100 events and ≥ 180 days' },
      },
      { scope: 'OWN', tierRule: '≥ 100 events and ≥ 180 days', nextTier: null },
    ]);
  });

  it('counts an event that is a few minutes in the future as today, never as a negative number of days', () => {
    const signals = present(rowOf(1, -4 * 60_000, -4 * 60_000), NOW_MS);
    expect([signals.history.days, signals.recency.daysSinceLastEvent]).toEqual([0, 0]);
  });

  it('returns exactly the fields in the contract, none of which is a score or advice', () => {
    const paths = (value: unknown, prefix = ''): string[] =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).flatMap(([key, inner]) => paths(inner, `${prefix}${key}.`))
        : [prefix.slice(0, -1)];
    expect(paths(present(rowOf(50, 200 * DAY_MS), NOW_MS)).toSorted()).toEqual(
      [
        'linked',
        'tier',
        'eventCount',
        'partnerCount',
        'recency.lastEventAt',
        'recency.daysSinceLastEvent',
        'history.firstEventAt',
        'history.days',
        'basis.scope',
        'basis.tierRule',
        'basis.nextTier.tier',
        'basis.nextTier.rule',
      ].toSorted(),
    );
  });
});
