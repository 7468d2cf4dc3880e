export interface TierThreshold {
  minEvents: number;
  minDays: number;
}
export interface TierRules {
  tier2: TierThreshold;
  tier3: TierThreshold;
}
export type Tier = 0 | 1 | 2 | 3;

/** What is kept of one user of a partner: counts and times (ms since epoch); `revision` grows with every change. */
export interface SignalsRow {
  revision: number;
  eventCount: number;
  firstEventAtMs: number | null;
  lastEventAtMs: number | null;
}

export const EMPTY_ROW: SignalsRow = { revision: 0, eventCount: 0, firstEventAtMs: null, lastEventAtMs: null };

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

function meets(threshold: TierThreshold, eventCount: number, days: number): boolean {
  return eventCount >= threshold.minEvents && days >= threshold.minDays;
}

/** Tier of a history: 0 none, 1 any, 2 and 3 by the configured thresholds of events and days since the first. */
export function tierOf(rules: TierRules, eventCount: number, days: number): Tier {
  if (eventCount === 0) return 0;
  if (meets(rules.tier3, eventCount, days)) return 3;
  return meets(rules.tier2, eventCount, days) ? 2 : 1;
}

/** Builds the presenter of signals rows; the texts of the rules are made once. */
export function signalsPresenter(rules: TierRules): (row: SignalsRow, nowMs: number) => Signals {
  const text = (t: TierThreshold): string => `≥ ${t.minEvents} events and ≥ ${t.minDays} days`;
  const ruleOf = ['no events', 'any event', text(rules.tier2), text(rules.tier3)] as const;
  const nextOf = ([1, 2, 3] as const).map((tier) => ({ tier, rule: ruleOf[tier] }));
  return (row, nowMs) => {
    const days = row.firstEventAtMs === null ? 0 : wholeDays(row.firstEventAtMs, nowMs);
    const tier = tierOf(rules, row.eventCount, days);
    return {
      linked: false,
      tier,
      eventCount: row.eventCount,
      partnerCount: row.eventCount > 0 ? 1 : 0,
      recency: {
        lastEventAt: row.lastEventAtMs === null ? null : new Date(row.lastEventAtMs).toISOString(),
        daysSinceLastEvent: row.lastEventAtMs === null ? null : wholeDays(row.lastEventAtMs, nowMs),
      },
      history: {
        firstEventAt: row.firstEventAtMs === null ? null : new Date(row.firstEventAtMs).toISOString(),
        days,
      },
      basis: { scope: 'OWN', tierRule: ruleOf[tier], nextTier: nextOf[tier] ?? null },
    };
  };
}
