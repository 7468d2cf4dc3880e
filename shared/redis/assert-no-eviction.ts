import { readInfo } from './info';
import type { RedisLink } from './link';

/** Throws if a server may evict keys without a TTL when its memory is full, because queued jobs have no TTL. */
export async function assertNoEviction({ primaries }: Pick<RedisLink, 'primaries'>): Promise<void> {
  for (const info of await Promise.all(primaries().map((primary) => readInfo(primary, 'memory')))) {
    const policy = info('maxmemory_policy');
    if (!policy.startsWith('allkeys-') || info('maxmemory') === '0') continue;
    throw new Error(
      `The server at REDIS_URL has maxmemory-policy ${policy}, which discards accepted events when memory is full. ` +
        'Set the policy to noeviction. Only the cache (CACHE_REDIS_URL) may evict keys.',
    );
  }
}
