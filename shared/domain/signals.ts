import { type IdentityRef, partnerOf, type Tenant, type UserRef } from './ids';
import { type Tier, type TierRules, tierOf } from './tier';

/** What is kept of one user of a partner: counts and times (ms since epoch); `revision` grows with every change. */
export interface SignalsRow {
  revision: number;
  eventCount: number;
  firstEventAtMs: number | null;
  lastEventAtMs: number | null;
  /** Whose account this user is linked to. A link counts only while the identity's row names the user too. */
  identity: IdentityRef | null;
}

export const EMPTY_ROW: SignalsRow = {
  revision: 0,
  eventCount: 0,
  firstEventAtMs: null,
  lastEventAtMs: null,
  identity: null,
};

/** One account that a person linked. */
export interface Member {
  userRef: UserRef;
  tenant: Tenant;
}

/** A person's links in one environment; `revision` grows with every change. */
export interface IdentityRow {
  revision: number;
  members: Member[];
}

export const EMPTY_IDENTITY_ROW: IdentityRow = { revision: 0, members: [] };

/** The members of whom both sides say that they are linked. */
export function linkedMembers<M extends Member>(
  identity: IdentityRef,
  members: readonly M[],
  rowOf: (ref: UserRef) => SignalsRow,
): M[] {
  return members.filter(({ userRef }) => rowOf(userRef).identity === identity);
}

/** What a history adds up to, whoever it is shown to. Times in ms since epoch. */
export interface History {
  eventCount: number;
  partnerCount: number;
  firstEventAtMs: number | null;
  lastEventAtMs: number | null;
}

/** The sum of a person's linked accounts; several accounts at one partner are one partner. */
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

/** The neutral facts that `/resolve` answers. Depth only: no score, no advice. */
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

/** Whole days from `fromMs` to `nowMs`, never negative (a clock may run ahead by minutes). */
function wholeDays(fromMs: number, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - fromMs) / DAY_MS));
}

/** The history of one user as its own partner submitted it. */
export function ownHistory({ eventCount, firstEventAtMs, lastEventAtMs }: SignalsRow): History {
  return { eventCount, partnerCount: eventCount > 0 ? 1 : 0, firstEventAtMs, lastEventAtMs };
}

/** Start of the UTC day of a time. */
export function utcDayOf(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** UTC day of a time: what other partners submitted must not be timed by asking again and again. */
function dayOf(ms: number | null): number | null {
  return ms === null ? null : utcDayOf(ms);
}

export type HistoryScope = Signals['basis']['scope'];
export type PresentSignals = (history: History, scope: HistoryScope, nowMs: number) => Signals;

/** Builds the presenter of histories; the texts of the rules are made once. In scope LINKED times are UTC days. */
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
