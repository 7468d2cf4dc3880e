import { queueKeys } from '../../../shared/queue/bullmq-internals';
import { EVENT_QUEUES } from '../../../shared/queue/event-chunk';
import type { FaultEnvironment } from '../environment';

/** Returns the IDs of the chunks that workers have in hand. Only reads, so it also works while writes are paused. */
export async function activeChunks({ ctx, onRedis }: FaultEnvironment): Promise<string[]> {
  return onRedis(async (redis) => {
    const perQueue = await Promise.all(
      Object.values(EVENT_QUEUES).map(({ name }) => redis.lrange(queueKeys(ctx.keys, name).active, 0, -1)),
    );
    return perQueue.flat();
  });
}
