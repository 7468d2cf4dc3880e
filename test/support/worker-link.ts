import { createLog } from '../../shared/log';
import { connectRedis } from '../../shared/redis/connect';
import type { RedisLink } from '../../shared/redis/link';

/** Connects to the queue's Redis as a worker does: commands wait out an outage. The caller closes the link. */
export function workerLink(env: Readonly<Record<string, string | undefined>>): RedisLink {
  return connectRedis(env['REDIS_URL']!, { kind: 'worker' }, createLog('silent', 'worker'));
}
