import { describe, expect, it } from '@jest/globals';
import { validateEvent } from '../../../api/events/validate-event';
import { countUsers, expectedTier, totalOf } from '../../../deploy/demo/count';
import { type DemoEvent, FAULT_PATHS, type Fault, generateDay, type Item } from '../../../deploy/demo/generate-day';
import { planRequests } from '../../../deploy/demo/requests';
import { toCall } from '../../../deploy/demo/send';
import { createCatalog } from '../../../shared/domain/catalog';
import { tenantOf, partnerIdOf } from '../../../shared/domain/ids';
import { deriveSecrets } from '../../../shared/domain/subject';

const END_MS = Date.parse('2026-05-01T09:30:00.000Z');
const DAY = { seed: 1, events: 20_000, endMs: END_MS };
const RULES = { tier2: { minEvents: 20, minDays: 30 }, tier3: { minEvents: 100, minDays: 180 } };
const partners = generateDay(DAY);
const itemsOf = (of = partners): Item[] => of.flatMap(({ day, evening }) => [...day, ...evening]);

describe('generateDay', () => {
  it('generates the same day for the same seed, and different days for different seeds', () => {
    expect(generateDay(DAY)).toEqual(partners);
    expect(generateDay({ ...DAY, seed: 2 })).not.toEqual(partners);
  });

  it.each([1, 7, 500, 20_000, 30_001])('generates exactly %i events that MIR counts', (events) => {
    const day = generateDay({ ...DAY, events });
    expect(day.reduce((sum, partner) => sum + totalOf(countUsers(partner)), 0)).toBe(events);
    expect(itemsOf(day).filter(({ fate }) => fate === 'COUNTS')).toHaveLength(events);
  });

  it('gives every partner hot users, users in all tiers, duplicate events and reused keys', () => {
    for (const partner of partners) {
      const users = [...countUsers(partner).values()];
      const counts = users.map(({ eventCount }) => eventCount).sort((a, b) => b - a);
      expect(counts[0]).toBeGreaterThan(20 * counts[Math.floor(counts.length / 2)]!);
      expect(new Set(users.map((user) => expectedTier(RULES, user, END_MS)))).toEqual(new Set([1, 2, 3]));
      expect(partner.day.filter(({ fate }) => fate === 'REPEAT').length).toBeGreaterThan(20);
      expect(partner.evening.filter(({ fate }) => fate === 'CONFLICT').length).toBeGreaterThan(0);
    }
  });

  it('keeps events away from day boundaries, so that day counts stay constant during a run', () => {
    const HOUR_MS = 3600 * 1000;
    const hours = itemsOf().map(({ event }) => ((END_MS - Date.parse(event.occurredAt!)) % (24 * HOUR_MS)) / HOUR_MS);
    expect(Math.min(...hours)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...hours)).toBeLessThanOrEqual(22);
  });

  it('generates faulty items that the API rejects only because of the intended field', () => {
    const deps = { catalog: createCatalog(), secrets: deriveSecrets('p'.repeat(32)), keyedIdsFromMs: 0 };
    const tenant = tenantOf(partnerIdOf('abcdefghijkm'), 'live');
    const surprises = itemsOf().filter(({ event, fate }) => {
      const checked = validateEvent(deps, tenant, event, END_MS);
      const paths = Array.isArray(checked) ? checked.map(({ path }) => path.split('.')[0]) : [];
      return String(paths) !== (fate in FAULT_PATHS ? FAULT_PATHS[fate as Fault] : '');
    });
    expect(surprises).toEqual([]);
  });

  it('repeats events with identical content and reuses keys with different content', () => {
    const first = new Map(partners[1]!.day.filter(({ fate }) => fate === 'COUNTS').map(keyed));
    const rest = itemsOf([partners[1]!]).filter(({ fate }) => fate === 'REPEAT' || fate === 'CONFLICT');
    for (const { event, fate } of rest) {
      const before = first.get(event.idempotencyKey!);
      expect(before).toBeDefined();
      const same = JSON.stringify(before) === JSON.stringify(event);
      expect(same).toBe(fate === 'REPEAT');
    }
  });
});

describe('planRequests', () => {
  it('sends every item once, uses all request shapes, and sends reused keys only in the evening', () => {
    const plan = planRequests(partners, { seed: 1, resendPercent: 0 });
    const sent = plan.day.flatMap(({ items }) => items);
    const generated = partners.flatMap(({ day }) => day);
    expect(sent).toHaveLength(generated.length);
    expect(sameMembers(sent, generated)).toBe(true);
    expect(new Set(plan.day.map(({ shape, gzip }) => `${shape} ${gzip}`)).size).toBe(5);
    expect(Math.max(...plan.day.map(({ items }) => items.length))).toBeLessThanOrEqual(500);
    expect(sent.some(({ fate }) => fate === 'CONFLICT')).toBe(false);
    expect(plan.evening.some(({ shape }) => shape === 'single')).toBe(true);
  });

  it('resends the requested share of requests unchanged', () => {
    const once = planRequests(partners, { seed: 1, resendPercent: 0 }).day;
    const twice = planRequests(partners, { seed: 1, resendPercent: 10 }).day;
    const distinct = new Set(twice);
    expect(distinct.size).toBe(once.length);
    expect(twice.length / once.length).toBeCloseTo(1.1, 1);
    expect(
      sameMembers(
        [...distinct].flatMap(({ items }) => items),
        once.flatMap(({ items }) => items),
      ),
    ).toBe(true);
    expect(planRequests(partners, { seed: 1, resendPercent: 100 }).day).toHaveLength(2 * once.length);
  });

  it('sends the key of a single event in a quoted Idempotency-Key header, as the IETF draft requires', () => {
    const item = partners[0]!.day[0]!;
    const call = toCall({ partner: 0, shape: 'single', gzip: false, items: [item] }, 'key');
    expect(call.headers).toEqual({ 'idempotency-key': `"${item.event.idempotencyKey}"` });
    expect(JSON.parse(call.body as string)).not.toHaveProperty('idempotencyKey');
  });
});

function keyed({ event }: Item): [string, Partial<DemoEvent>] {
  return [event.idempotencyKey!, event];
}

/**
 * Returns whether two lists have the same items, in any order. `toEqual` on sets compares every pair, which is too slow
 * for 20,000 objects.
 */
function sameMembers<T>(a: readonly T[], b: readonly T[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((item) => right.has(item));
}
