import type { Policy } from './credential';

/** The window of every budget. */
export const WINDOW_SECONDS = 60;

/**
 * Requests a minute, per partner and environment, that suspend, revoke, kill or erase with the partner's own key. No
 * other traffic draws on this budget, so that a runaway agent cannot keep its partner from stopping it.
 */
export const CONTROL_REQUESTS_PER_MINUTE = 120;

/** What a caller may still spend: units a minute, and how many are left now (negative: owed). */
export interface Budget {
  policy: Policy;
  capacity: number;
  left: number;
  /** Capacity of the smallest budget of the path: what costs more can never fit, whatever is left of the others. */
  smallest: number;
}

/** Seconds until `units` of a budget have come back. */
export function secondsUntil(units: number, { capacity }: Pick<Budget, 'capacity'>): number {
  return Math.ceil((units * WINDOW_SECONDS) / capacity);
}
