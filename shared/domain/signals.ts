import { type IdentityRef, partnerOf, type Tenant, type UserRef } from './ids';
import { type Tier, type TierRules, tierOf } from './tier';

/** Stored facts about one of a partner's users. Times are in ms since the epoch. Every change increments `revision`. */
export interface SignalsRow {
  revision: number;
  eventCount: number;
  firstEventAtMs: number | null;
  lastEventAtMs: number | null;
  /** The linked person. A link counts only while the identity's row also lists the user. */
  identity: IdentityRef | null;
}

export const EMPTY_ROW: SignalsRow = {
  revision: 0,
  eventCount: 0,
  firstEventAtMs: null,
  lastEventAtMs: null,
  identity: null,
};

/** An account that a person linked. */
export interface Member {
  userRef: UserRef;
  tenant: Tenant;
}

/** A person's links in one environment. Every change increments `revision`. */
export interface IdentityRow {
  revision: number;
  members: Member[];
}

export const EMPTY_IDENTITY_ROW: IdentityRow = { revision: 0, members: [] };

/** Returns the members whose own rows confirm the link. */
export function linkedMembers<M extends Member>(
  identity: IdentityRef,
  members: readonly M[],
  rowOf: (ref: UserRef) => SignalsRow,
): M[] {
  return members.filter(({ userRef }) => rowOf(userRef).identity === identity);
}

/** Totals of a history, with exact times in ms since the epoch. */
export interface History {
  eventCount: number;
  partnerCount: number;
  firstEventAtMs: number | null;
  lastEventAtMs: number | null;
}

/** Sums the histories of a person's linked accounts. Several accounts at one partner count as one partner. */
export function sumOf(members: readonly Member[], rowOf: (ref: UserRef) => SignalsRow): History {
  const partners = new Set<string>();
  const sum: History = { eventCount: 0, partnerCount: 0, firstEventAtMs: null, lastEventAtMs: null };
  for (const { userRef, tenant } of members) {
    const { eventCount, firstEventAtMs, lastEventAtMs } = rowOf(userRef);
    if (eventCount === 0 || firstEventAtMs === null || lastEventAtMs === null) continue;
    partners.add(partnerOf(tenant));
    sum.eventCount += eventCount;
    sum.firstEventAtMs = Math.min(sum.firstEventAtMs ?? Infinity, firstEventAtMs);
    sum.lastEventAtMs = Math.max(sum.lastEventAtMs ?? -Infinity, lastEventAtMs);
  }
  return { ...sum, partnerCount: partners.size };
}

/** The neutral facts that `/resolve` returns. They describe the depth of a history, without a score or advice. */
export interface Signals {
  linked: boolean;
  tier: Tier;
  eventCount: number;
  partnerCount: number;
  recency: { lastEventAt: string | null; daysSinceLastEvent: number | null };
  history: { firstEventAt: string | null; days: number };
  basis: { scope: 'LINKED' | 'OWN'; tierRule: string; nextTier: { tier: Tier; rule: string } | null };
}

const DAY_MS = 24 * 3600 * 1000;

/** Returns the number of whole days from `fromMs` to `nowMs`, or 0 if `fromMs` is later because a clock was ahead. */
function wholeDays(fromMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - fromMs) / DAY_MS));
}

/** Returns a user's history at the partner that submitted the user's events. */
export function ownHistory({ eventCount, firstEventAtMs, lastEventAtMs }: SignalsRow): History {
  return { eventCount, partnerCount: eventCount > 0 ? 1 : 0, firstEventAtMs, lastEventAtMs };
}

/** Returns the start of the UTC day that contains a time. */
export function utcDayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** Truncates a time to its UTC day, so that polling does not reveal when other partners submitted events. */
function dayOf(ms: number | null): number | null {
  return ms === null ? null : utcDayOf(ms);
}

export type HistoryScope = Signals['basis']['scope'];
export type PresentSignals = (history: History, scope: HistoryScope, nowMs: number) => Signals;

/**
 * Creates a function that converts histories to signals. For the LINKED scope, the function truncates times to UTC
 * days.
 */
export function signalsPresenter(rules: TierRules): PresentSignals {
  const text = (t: TierRules['tier2']): string => `≥ ${t.minEvents} events and ≥ ${t.minDays} days`;
  const ruleOf = ['no events', 'any event', text(rules.tier2), text(rules.tier3)] as const;
  const nextOf = ([1, 2, 3] as const).map((tier) => ({ tier, rule: ruleOf[tier] }));
  return ({ eventCount, partnerCount, ...times }, scope, nowMs) => {
    const linked = scope === 'LINKED';
    const firstMs = linked ? dayOf(times.firstEventAtMs) : times.firstEventAtMs;
    const lastMs = linked ? dayOf(times.lastEventAtMs) : times.lastEventAtMs;
    const days = firstMs === null ? 0 : wholeDays(firstMs, nowMs);
    const tier = tierOf(rules, eventCount, days);
    return {
      linked,
      tier,
      eventCount,
      partnerCount,
      recency: {
        lastEventAt: lastMs === null ? null : new Date(lastMs).toISOString(),
        daysSinceLastEvent: lastMs === null ? null : wholeDays(lastMs, nowMs),
      },
      history: { firstEventAt: firstMs === null ? null : new Date(firstMs).toISOString(), days },
      basis: { scope, tierRule: ruleOf[tier], nextTier: nextOf[tier] ?? null },
    };
  };
}
