import type { Job } from 'bullmq';
import { type ChunkId, isTenant } from '../../shared/domain/ids';
import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';
import { findJobs, queueKeys } from '../../shared/queue/bullmq-internals';
import { recordFinalized } from '../../shared/queue/finalize-chunks';
import type { ShardQueue } from '../../shared/queue/event-shards';
import type { InspectedQueues } from '../../shared/queue/queues';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';

/**
 * Maximum number of dead letters of one tenant in a queue, which keeps 1,000 in all. Without it, one tenant's failures
 * would push out the dead letters of all others.
 */
export const MAX_DEAD_LETTERS_PER_TENANT = 200;

/**
 * Returns a function that deletes the tenant's oldest dead letters above the maximum. Call it for each job that has
 * failed permanently. Never rejects: if Redis fails, the tenant's next dead letter makes up for it.
 */
export function createBoundDeadLetters(deps: {
  link: RedisLink;
  keys: RedisKeys;
  queues: InspectedQueues;
  log: Log;
}): (queue: ShardQueue, job: Job) => Promise<void> {
  const { link, keys, queues, log } = deps;
  const redis = link.client;

  const bound = async ({ queue, shard }: ShardQueue, { id, data }: Job): Promise<void> => {
    const tenant: unknown = (data as { tenant?: unknown } | null)?.tenant;
    if (!isTenant(tenant)) return;
    // The worker could not finalize the chunk if its payload is unreadable.
    await recordFinalized(link, keys, [{ chunkId: id as ChunkId, tenant }]);
    const key = keys.finalizedChunks(tenant);
    if ((await redis.zcard(key)) <= MAX_DEAD_LETTERS_PER_TENANT) return;
    const ids = await redis.zrange(key, 0, -1);
    const states = await findJobs(redis, queueKeys(keys, queue, shard), ids);
    const excess = ids.filter((_, n) => states[n] === 'failed').slice(0, -MAX_DEAD_LETTERS_PER_TENANT);
    if (excess.length === 0) return;
    for (const old of excess) await queues.ofShard(queue, shard).remove(old);
    await redis.zrem(key, ...excess);
    log.warn({ queue, shard, tenant, jobIds: excess }, 'oldest dead letters of a tenant deleted');
  };

  return (queue, job) =>
    bound(queue, job).catch((error: unknown) =>
      log.warn({ ...queue, jobId: job.id, err: messageOf(error) }, 'bounding dead letters failed'),
    );
}
