import type { Admission } from '../../shared/access/door';
import { MirError } from '../../shared/platform/errors';

const WINDOW_SECONDS = 60;

/** `RateLimit-Policy` and `RateLimit` of the IETF httpapi draft: quota a minute, what is left, seconds until full. */
export function rateHeaders({ budget }: Admission): Record<string, string> {
  if (!budget) return {};
  const { policy, capacity, left } = budget;
  const secondsToFull = Math.ceil(((capacity - left) * WINDOW_SECONDS) / capacity);
  return {
    'RateLimit-Policy': `"${policy}";q=${capacity};w=${WINDOW_SECONDS}`,
    RateLimit: `"${policy}";r=${left};t=${secondsToFull}`,
  };
}

/** 429 with the seconds after which `cost` units will be there. */
export function rateLimited(admission: Admission, cost: number): MirError {
  const { policy, capacity, left } = admission.budget!;
  const waitSeconds = Math.max(1, Math.ceil(((cost - left) * WINDOW_SECONDS) / capacity));
  return new MirError('RATE_LIMITED', `The limit is ${capacity} ${policy} a minute. Try again in ${waitSeconds} s.`, {
    retryAfterSeconds: waitSeconds,
    headers: rateHeaders(admission),
  });
}
