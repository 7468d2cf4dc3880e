import type { RedisLink } from './connect';

/** Throws if the server may evict keys without a TTL when its memory is full, because queued jobs have no TTL. */
export async function assertNoEviction({ client }: Pick<RedisLink, 'client'>): Promise<void> {
  const info = await client.info('memory');
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? '';
  if (!policy.startsWith('allkeys-') || /^maxmemory:0\s/m.test(info)) return;
  throw new Error(
    `The server at REDIS_URL has maxmemory-policy ${policy}, which discards accepted events when memory is full. ` +
      'Set the policy to noeviction. Only the cache (CACHE_REDIS_URL) may evict keys.',
  );
}
