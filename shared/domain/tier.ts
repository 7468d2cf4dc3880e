interface TierThreshold {
  minEvents: number;
  minDays: number;
}
export interface TierRules {
  tier2: TierThreshold;
  tier3: TierThreshold;
}
/** The depth of a history, not its quality. */
export type Tier = 0 | 1 | 2 | 3;

function meets(threshold: TierThreshold, eventCount: number, days: number): boolean {
  return eventCount >= threshold.minEvents && days >= threshold.minDays;
}

/**
 * Returns the highest tier whose thresholds are met: 0 for no events, otherwise at least 1. `days` counts from the
 * first event.
 */
export function tierOf(rules: TierRules, eventCount: number, days: number): Tier {
  if (eventCount === 0) return 0;
  if (meets(rules.tier3, eventCount, days)) return 3;
  return meets(rules.tier2, eventCount, days) ? 2 : 1;
}
