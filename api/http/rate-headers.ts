import { secondsUntil, WINDOW_SECONDS } from '../../shared/authz/budget';
import type { Admission } from '../../shared/authz/authorizer';
import type { ErrorParams } from '../../shared/errors';
import { PublicError } from './public-error';

/** `RateLimit-Policy` and `RateLimit` of the IETF httpapi draft: quota a minute, what is left, seconds until full. */
export function budgetHeaders(budget: NonNullable<ErrorParams['budget']> | null): Record<string, string> {
  if (!budget) return {};
  const { policy, capacity, left } = budget;
  return {
    'RateLimit-Policy': `"${policy}";q=${capacity};w=${WINDOW_SECONDS}`,
    RateLimit: `"${policy}";r=${Math.max(0, left)};t=${secondsUntil(capacity - left, budget)}`,
  };
}

/** The budget of an admitted call, as headers. */
export function rateHeaders({ budget }: Admission): Record<string, string> {
  return budgetHeaders(budget);
}

/** 429 with the seconds after which `cost` units will be there. */
export function rateLimited(admission: Admission, cost: number): PublicError {
  const budget = admission.budget!;
  const { policy, capacity, left } = budget;
  const waitSeconds = Math.max(1, secondsUntil(cost - left, budget));
  const limit = `${capacity} ${policy === 'control' ? 'control requests' : policy} per minute`;
  return new PublicError('RATE_LIMITED', `The limit is ${limit}. Try again in ${waitSeconds} s.`, {
    retryAfterSeconds: waitSeconds,
    params: { budget },
  });
}
