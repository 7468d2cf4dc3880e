import { isIPv6 } from 'node:net';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { MirError, overloaded } from '../../shared/platform/errors';
import type { ApiContext } from '../context';

const APPLICATIONS_PER_HOUR = 5;
const HOUR_SECONDS = 3_600;
const SUBNET_GROUPS = 4;
const IPV6_GROUPS = 8;

/** Whom an address stands for: an IPv6 caller has its whole /64, so that is what is counted. */
export function throttledAddress(ip: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped) return mapped;
  if (!isIPv6(ip)) return ip;
  const groups = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const [left, right] = ip.split('%')[0]!.split('::').map(groups);
  const zeros = right ? IPV6_GROUPS - left!.length - right.length : 0;
  const all = [...left!, ...Array.from({ length: zeros }, () => '0'), ...(right ?? [])];
  return all
    .slice(0, SUBNET_GROUPS)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

const limiters = new WeakMap<object, RateLimiterRedis>();
function limiterOf({ queueLink, keys }: Pick<ApiContext, 'queueLink' | 'keys'>): RateLimiterRedis {
  let limiter = limiters.get(queueLink);
  if (!limiter) {
    limiter = new RateLimiterRedis({
      storeClient: queueLink.client,
      keyPrefix: keys.throttle('applications'),
      points: APPLICATIONS_PER_HOUR,
      duration: HOUR_SECONDS,
      rejectIfRedisNotReady: true,
    });
    limiters.set(queueLink, limiter);
  }
  return limiter;
}

/** Throws 429 after five applications an hour from one address, and 503 while nobody can count them. */
export async function throttleApplications(ctx: Pick<ApiContext, 'queueLink' | 'keys'>, ip: string): Promise<void> {
  try {
    await limiterOf(ctx).consume(throttledAddress(ip));
  } catch (error) {
    if (!(error instanceof RateLimiterRes)) {
      throw overloaded('Applications cannot be taken now. Try again soon.', 2, error);
    }
    throw new MirError('RATE_LIMITED', `An address may send ${APPLICATIONS_PER_HOUR} applications an hour.`, {
      retryAfterSeconds: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)),
    });
  }
}
