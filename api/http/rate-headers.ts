import { secondsUntil, WINDOW_SECONDS } from '../../shared/authz/budget';
import type { Admission } from '../../shared/authz/authorizer';
import type { ErrorParams } from '../../shared/errors';
import { PublicError } from './public-error';

/** Returns the `RateLimit-Policy` and `RateLimit` headers defined in the IETF httpapi draft. */
export function budgetHeaders(budget: NonNullable<ErrorParams['budget']> | null): Record<string, string> {
  if (!budget) return {};
  const { policy, capacity, left } = budget;
  return {
    'RateLimit-Policy': `"${policy}";q=${capacity};w=${WINDOW_SECONDS}`,
    RateLimit: `"${policy}";r=${Math.max(0, left)};t=${secondsUntil(capacity - left, budget)}`,
  };
}

/** Returns the rate limit headers for an admitted request. */
export function rateHeaders({ budget }: Admission): Record<string, string> {
  return budgetHeaders(budget);
}

/** Returns a 429 error whose `Retry-After` is the time until `cost` units are available. */
export function rateLimited(admission: Admission, cost: number): PublicError {
  const budget = admission.budget!;
  const { policy, capacity, left } = budget;
  const waitSeconds = Math.max(1, secondsUntil(cost - left, budget));
  const limit = `${capacity} ${policy === 'control' ? 'control requests' : policy} per minute`;
  return new PublicError(
    'RATE_LIMITED',
    `You exceeded the limit of ${limit}. Retry in ${waitSeconds} ${waitSeconds === 1 ? 'second' : 'seconds'}.`,
    {
      retryAfterSeconds: waitSeconds,
      params: { budget },
    },
  );
}
