import type { RedisLink } from './connect';

/** Rejects with one readable message when the server throws keys of any kind away once it is full: jobs are such keys. */
export async function assertKeeps({ client }: Pick<RedisLink, 'client'>): Promise<void> {
  const info = await client.info('memory');
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? '';
  if (!policy.startsWith('allkeys-') || /^maxmemory:0\s/m.test(info)) return;
  throw new Error(
    `The server at REDIS_URL has maxmemory-policy ${policy}: once it is full it would throw accepted events away. ` +
      'Set noeviction there; only the cache (CACHE_REDIS_URL) may evict.',
  );
}
