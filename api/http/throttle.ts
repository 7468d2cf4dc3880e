import { isIPv6 } from 'node:net';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { PublicError } from './public-error';
import type { ApiContext } from '../context';

export interface ThrottleRule {
  /** Unique. Used in the Redis key and as a metrics label. */
  name: string;
  /** Attempts allowed within `seconds`. */
  points: number;
  seconds: number;
  /** Detail of the 429 error. */
  rejection: string;
}

/**
 * Limits attempts per key (an IP address or a keyed hash). Methods throw 429 if the limit is exceeded, and 503 if Redis
 * is unavailable.
 */
export interface Throttle {
  /** Counts an attempt before it is made. */
  take(key: string): Promise<void>;
  /** Throws if no attempts remain. Does not count an attempt. */
  check(key: string): Promise<void>;
  /** Counts a failed attempt. Does not throw 429. */
  punish(key: string): Promise<void>;
  /** Refunds one attempt. */
  giveBack(key: string): Promise<void>;
  /** Resets a key's attempt count. */
  forgive(key: string): Promise<void>;
}

function throttleOver(
  limiter: RateLimiterAbstract,
  { points, rejection }: ThrottleRule,
  onRejected: () => void,
): Throttle {
  const toError = (error: unknown): never => {
    if (!(error instanceof RateLimiterRes))
      throw new PublicError('OVERLOADED', 'We can’t process this request right now. Try again in a few seconds.', {
        retryAfterSeconds: 2,
        cause: error,
      });
    onRejected();
    throw new PublicError('RATE_LIMITED', rejection, {
      retryAfterSeconds: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)),
    });
  };
  return {
    take: async (key) => void (await limiter.consume(key).catch(toError)),
    check: async (key) => {
      const used = await limiter.get(key).catch(toError);
      if (used && used.consumedPoints >= points) toError(used);
    },
    punish: async (key) => void (await limiter.penalty(key).catch(toError)),
    giveBack: async (key) => void (await limiter.reward(key).catch(toError)),
    forgive: async (key) => void (await limiter.delete(key).catch(toError)),
  };
}

/** Returns a throttle that counts attempts in this process only, for actions that must work while Redis is down. */
export function memoryThrottle(rule: ThrottleRule): Throttle {
  return throttleOver(new RateLimiterMemory({ points: rule.points, duration: rule.seconds }), rule, () => undefined);
}

const throttles = new WeakMap<object, Map<string, Throttle>>();

type Deps = Pick<ApiContext, 'queueLink' | 'keys' | 'metrics'>;

/** Returns the context's throttle for this rule, creating it on the first call. */
function throttleOf(
  { queueLink, metrics }: Deps,
  rule: ThrottleRule,
  createLimiter: () => RateLimiterAbstract,
): Throttle {
  const ofLink = throttles.get(queueLink) ?? new Map<string, Throttle>();
  throttles.set(queueLink, ofLink);
  const existing = ofLink.get(rule.name);
  if (existing) return existing;
  const rejected = metrics.throttled.labels(rule.name);
  rejected.inc(0);
  const created = throttleOver(createLimiter(), rule, () => rejected.inc());
  ofLink.set(rule.name, created);
  return created;
}

/** Returns a throttle that counts the attempts of all processes in Redis. Rejects every attempt while Redis is down. */
export function throttle(deps: Deps, rule: ThrottleRule): Throttle {
  const createLimiter = (): RateLimiterAbstract =>
    new RateLimiterRedis({
      storeClient: deps.queueLink.client,
      keyPrefix: deps.keys.throttle(rule.name),
      points: rule.points,
      duration: rule.seconds,
      rejectIfRedisNotReady: true,
    });
  return throttleOf(deps, rule, createLimiter);
}

/** Returns a throttle that counts the attempts in this process only, for pages that must work while Redis is down. */
export function processThrottle(deps: Deps, rule: ThrottleRule): Throttle {
  return throttleOf(deps, rule, () => new RateLimiterMemory({ points: rule.points, duration: rule.seconds }));
}

const SUBNET_GROUPS = 4;
const IPV6_GROUPS = 8;

/**
 * Returns the part of an IP address to throttle by. For IPv6, this is the /64 prefix, because a client usually controls
 * an entire /64.
 */
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
