import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';

/** Limit that stops runaway spawning. Legitimate trees are not expected to grow faster. */
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

/** Counts a spawn. Throws 429 if the tree exceeds its spawn limit, and 503 if Redis does not respond. */
export async function throttleSpawns(
  ctx: Pick<ApiContext, 'queueLink' | 'keys' | 'metrics'>,
  rootId: string,
): Promise<void> {
  try {
    await limiterOf(ctx).consume(rootId);
  } catch (error) {
    if (!(error instanceof RateLimiterRes))
      throw new PublicError(
        'OVERLOADED',
        'The spawn rate could not be checked. Nothing was created. Retry in a few seconds.',
        {
          retryAfterSeconds: 2,
          cause: error,
        },
      );
    ctx.metrics.throttled.labels('spawns').inc();
    throw new PublicError(
      'RATE_LIMITED',
      `The tree of root agent ${rootId} has reached the limit of ${SPAWNS_PER_ROOT_PER_MINUTE} spawns per minute. Retry later.`,
      { retryAfterSeconds: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)) },
    );
  }
}
