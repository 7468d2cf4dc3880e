import type { Policy } from './credential';

/** How long an empty budget takes to refill completely. */
export const WINDOW_SECONDS = 60;

/**
 * Budget of each partner environment for requests that suspend, revoke, kill or erase with the partner's own key. No
 * other traffic draws on this budget, so a runaway agent cannot prevent its partner from stopping it.
 */
export const CONTROL_REQUESTS_PER_MINUTE = 120;

/**
 * Returns the policy whose capacity a budget has. A partner may introspect as many tokens per minute as it may send
 * other requests, but the two are counted separately, so that neither can exhaust the other.
 */
export function capacityPolicyOf(policy: Policy): Exclude<Policy, 'introspections'> {
  return policy === 'introspections' ? 'requests' : policy;
}

/** The most restrictive budget on a caller's path. */
export interface Budget {
  policy: Policy;
  /** Units per minute. */
  capacity: number;
  /** Negative if the caller is in debt. */
  left: number;
  /** Capacity of the smallest budget on the path. A request that costs more than this can never succeed. */
  smallest: number;
}

/** Returns the number of seconds that a budget takes to regain `units`. */
export function secondsUntil(units: number, { capacity }: Pick<Budget, 'capacity'>): number {
  return Math.ceil((units * WINDOW_SECONDS) / capacity);
}
