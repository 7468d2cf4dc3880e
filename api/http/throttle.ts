import { isIPv6 } from 'node:net';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { PublicError } from './public-error';
import type { ApiContext } from '../context';

/** How often something may be tried, and what is said to whoever tries oftener. */
export interface ThrottleRule {
  /** Part of the Redis key, and a label of the metrics; unique. */
  name: string;
  points: number;
  seconds: number;
  rejection: string;
}

/** Counts tries by key (an address, a keyed hash); every method throws 429 beyond the rule, 503 when nobody can count. */
export interface Throttle {
  /** Counts one try before it is made. */
  take(key: string): Promise<void>;
  /** Throws when the tries are used up; counts nothing. */
  check(key: string): Promise<void>;
  /** Counts a failed try and throws nothing for it. */
  punish(key: string): Promise<void>;
  /** Takes one counted try back. */
  giveBack(key: string): Promise<void>;
  /** Forgets the tries of a key. */
  forgive(key: string): Promise<void>;
}

function throttleOver(
  limiter: RateLimiterAbstract,
  { points, rejection }: ThrottleRule,
  onRejected: () => void,
): Throttle {
  const toError = (error: unknown): never => {
    if (!(error instanceof RateLimiterRes))
      throw new PublicError('OVERLOADED', 'This cannot be done now. Try again soon.', {
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

/** Counts in this process alone: for what must work while the queue store is away. */
export function memoryThrottle(rule: ThrottleRule): Throttle {
  return throttleOver(new RateLimiterMemory({ points: rule.points, duration: rule.seconds }), rule, () => undefined);
}

const throttles = new WeakMap<object, Map<string, Throttle>>();

/** Counts in the queue store, for all processes; while it is away nothing passes. */
export function throttle(
  { queueLink, keys, metrics }: Pick<ApiContext, 'queueLink' | 'keys' | 'metrics'>,
  rule: ThrottleRule,
): Throttle {
  const ofLink = throttles.get(queueLink) ?? new Map<string, Throttle>();
  throttles.set(queueLink, ofLink);
  const known = ofLink.get(rule.name);
  if (known) return known;
  const rejected = metrics.throttled.labels(rule.name);
  rejected.inc(0);
  const made = throttleOver(
    new RateLimiterRedis({
      storeClient: queueLink.client,
      keyPrefix: keys.throttle(rule.name),
      points: rule.points,
      duration: rule.seconds,
      rejectIfRedisNotReady: true,
    }),
    rule,
    () => rejected.inc(),
  );
  ofLink.set(rule.name, made);
  return made;
}

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
