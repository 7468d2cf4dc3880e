import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { SpawnPolicy } from '../../shared/domain/agent';
import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';

const MINUTE_SECONDS = 60;

/** Limiters by Redis connection and limit, of which a policy allows few. All limiters of a connection count together. */
const limiters = new WeakMap<object, Map<number, RateLimiterRedis>>();
function limiterOf({ queueLink, keys }: Pick<ApiContext, 'queueLink' | 'keys'>, points: number): RateLimiterRedis {
  let byLimit = limiters.get(queueLink);
  if (!byLimit) limiters.set(queueLink, (byLimit = new Map()));
  let limiter = byLimit.get(points);
  if (!limiter) {
    limiter = new RateLimiterRedis({
      storeClient: queueLink.client,
      keyPrefix: keys.throttle('spawns'),
      points,
      duration: MINUTE_SECONDS,
      rejectIfRedisNotReady: true,
    });
    byLimit.set(points, limiter);
  }
  return limiter;
}

/** Counts a spawn. Throws 429 if the tree exceeds the policy's limit, and 503 if Redis does not respond. */
export async function throttleSpawns(
  ctx: Pick<ApiContext, 'queueLink' | 'keys' | 'metrics'>,
  { maxSpawnsPerMinute }: Pick<SpawnPolicy, 'maxSpawnsPerMinute'>,
  rootId: string,
): Promise<void> {
  try {
    await limiterOf(ctx, maxSpawnsPerMinute).consume(rootId);
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
      `The tree of root agent ${rootId} has reached the limit of ${maxSpawnsPerMinute} spawns per minute. Retry later. The limit is the spawn policy’s maxSpawnsPerMinute.`,
      { retryAfterSeconds: Math.max(1, Math.ceil(error.msBeforeNext / 1_000)) },
    );
  }
}
