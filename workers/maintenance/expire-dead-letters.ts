import type { Log } from '../../shared/log';
import { DEAD_LETTER_AGE_SECONDS } from '../../shared/queue/define-queue';
import { findEventShards, shardQueues } from '../../shared/queue/event-shards';
import type { InspectedQueues } from '../../shared/queue/queues';
import type { RedisKeys } from '../../shared/redis/keys';
import type { RedisLink } from '../../shared/redis/link';

/** Maximum number of dead letters that one run deletes from each queue. Later runs delete the rest. */
const MAX_PER_RUN = 1_000;

/** Deletes expired dead letters, because BullMQ does so only when another job fails. Returns how many were deleted. */
export async function expireDeadLetters(deps: {
  queues: InspectedQueues;
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
}): Promise<number> {
  const { queues, link, keys, log } = deps;
  let expired = 0;
  for (const { queue, shard } of shardQueues(await findEventShards(link, keys))) {
    const ids = await queues.ofShard(queue, shard).clean(DEAD_LETTER_AGE_SECONDS * 1_000, MAX_PER_RUN, 'failed');
    if (ids.length > 0) log.warn({ queue, shard, jobIds: ids }, 'expired dead letters deleted');
    expired += ids.length;
  }
  return expired;
}
