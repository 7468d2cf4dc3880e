import { queueKeys } from '../../../shared/queue/bullmq-internals';
import { currentShards, shardQueues } from '../../../shared/queue/event-shards';
import type { FaultEnvironment } from '../environment';

/** Returns the IDs of the chunks that workers have in hand. Only reads, so it also works while writes are paused. */
export async function activeChunks({ ctx, view }: FaultEnvironment): Promise<string[]> {
  const perQueue = await Promise.all(
    shardQueues(currentShards(ctx.keys)).map(({ queue, shard }) =>
      view.redis.lrange(queueKeys(ctx.keys, queue, shard).active, 0, -1),
    ),
  );
  return perQueue.flat();
}
