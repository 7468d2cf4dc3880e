import { type ChunkId, isTenant } from '../../shared/domain/ids';
import { failedJobs, queueKeys } from '../../shared/queue/bullmq-internals';
import { findEventShards, shardQueues } from '../../shared/queue/event-shards';
import { recordFinalized } from '../../shared/queue/finalize-chunks';
import { readStoredChunk } from '../../shared/queue/stored-chunk';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';

/**
 * Returns a function that adds the dead letters of earlier versions to their tenants' finalized chunks, where erasures
 * look for them. Each call reads only dead letters that earlier calls have not read.
 */
export function createRegisterDeadLetters(deps: { link: RedisLink; keys: RedisKeys }): () => Promise<void> {
  const { link, keys } = deps;
  let known = new Set<string>();
  return async () => {
    const current = new Set<string>();
    for (const { queue, shard } of shardQueues(await findEventShards(link, keys))) {
      const oldestFirst = (await failedJobs(link.client, queueKeys(keys, queue, shard))).reverse();
      for (const { id } of oldestFirst) {
        current.add(id);
        if (known.has(id)) continue;
        const tenant = (await readStoredChunk(deps, { queue, shard, id }))?.chunk.tenant;
        if (isTenant(tenant)) await recordFinalized(link, keys, [{ chunkId: id as ChunkId, tenant }]);
      }
    }
    known = current;
  };
}
