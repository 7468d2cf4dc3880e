import { type TierRules, type Tier, tierOf } from '../../shared/domain/tier';
import type { PartnerDay } from './generate-day';

const DAY_MS = 24 * 3600 * 1000;

/** A user's expected signals, computed from the generated events rather than from API responses. */
export interface Expected {
  eventCount: number;
  firstAtMs: number;
  lastAtMs: number;
}

/**
 * Counts each user's events. Counts every idempotency key once, and skips faulty items and items that reuse a key with
 * different content.
 */
export function countUsers({ day, evening }: Pick<PartnerDay, 'day' | 'evening'>): Map<string, Expected> {
  const users = new Map<string, Expected>();
  const seen = new Set<string>();
  for (const { event, fate } of [...day, ...evening]) {
    if (fate !== 'COUNTS' && fate !== 'REPEAT') continue;
    const { userExternalId, occurredAt, idempotencyKey } = event as Required<typeof event>;
    if (seen.has(idempotencyKey)) continue;
    seen.add(idempotencyKey);
    const atMs = Date.parse(occurredAt);
    const before = users.get(userExternalId) ?? { eventCount: 0, firstAtMs: atMs, lastAtMs: atMs };
    users.set(userExternalId, {
      eventCount: before.eventCount + 1,
      firstAtMs: Math.min(before.firstAtMs, atMs),
      lastAtMs: Math.max(before.lastAtMs, atMs),
    });
  }
  return users;
}

/** Returns the total number of events across all users. */
export function totalOf(users: ReadonlyMap<string, Expected>): number {
  return [...users.values()].reduce((sum, { eventCount }) => sum + eventCount, 0);
}

/** Returns the number of whole days from `atMs` to `nowMs`. */
export function daysSince(atMs: number, nowMs: number): number {
  return Math.floor((nowMs - atMs) / DAY_MS);
}

/** Returns a user's expected tier. */
export function expectedTier(rules: TierRules, { eventCount, firstAtMs }: Expected, nowMs: number): Tier {
  return tierOf(rules, eventCount, daysSince(firstAtMs, nowMs));
}
