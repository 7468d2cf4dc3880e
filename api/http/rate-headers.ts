import { budgetHeaders, secondsUntil } from '../../shared/authz/budget';
import type { Admission } from '../../shared/authz/authorizer';
import { MirError } from '../../shared/errors';

/** The budget of an admitted call, as headers. */
export function rateHeaders({ budget }: Admission): Record<string, string> {
  return budgetHeaders(budget);
}

/** 429 with the seconds after which `cost` units will be there. */
export function rateLimited(admission: Admission, cost: number): MirError {
  const budget = admission.budget!;
  const { policy, capacity, left } = budget;
  const waitSeconds = Math.max(1, secondsUntil(cost - left, budget));
  const limit = `${capacity} ${policy === 'control' ? 'control requests' : policy} per minute`;
  return new MirError('RATE_LIMITED', `The limit is ${limit}. Try again in ${waitSeconds} s.`, {
    retryAfterSeconds: waitSeconds,
    headers: budgetHeaders(budget),
  });
}
