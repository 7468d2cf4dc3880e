import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';

/** The breaker against spawn storms: a tree that grows faster is out of hand. */
export const SPAWNS_PER_ROOT_PER_MINUTE = 600;
const MINUTE_SECONDS = 60;

const limiters = new WeakMap<object, RateLimiterRedis>();
function limiterOf({ queueLink, keys }: Pick<ApiContext, 'queueLink' | 'keys'>): RateLimiterRedis {
  let limiter = limiters.get(queueLink);
  if (!limiter) {
    limiter = new RateLimiterRedis({
      storeClient: queueLink.client,
      keyPrefix: keys.throttle('spawns'),
      points: SPAWNS_PER_ROOT_PER_MINUTE,
      duration: MINUTE_SECONDS,
      rejectIfRedisNotReady: true,
    });
    limiters.set(queueLink, limiter);
  }
  return limiter;
}

/** Throws 429 when a tree spawns too fast, and 503 while nobody can count. */
export async function throttleSpawns(
  ctx: Pick<ApiContext, 'queueLink' | 'keys' | 'metrics'>,
  rootId: string,
): Promise<void> {
  try {
    await limiterOf(ctx).consume(rootId);
  } catch (error) {
    if (!(error instanceof RateLimiterRes))
      throw new PublicError('OVERLOADED', 'Spawns cannot be counted now. Try again soon.', {
        retryAfterSeconds: 2,
        cause: error,
      });
    ctx.metrics.throttled.labels('spawns').inc();
    throw new PublicError(
      'RATE_LIMITED',
      `The tree of ${rootId} spawns more than ${SPAWNS_PER_ROOT_PER_MINUTE} agents a minute; the breaker against spawn storms opened.`,
      { retryAfterSeconds: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)) },
    );
  }
}
