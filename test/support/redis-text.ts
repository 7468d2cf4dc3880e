import type { RedisLink } from '../../shared/redis/link';

type Client = RedisLink['client'];

async function valueOf(client: Client, key: string): Promise<unknown> {
  switch (await client.type(key)) {
    case 'string':
      return client.get(key);
    case 'hash':
      return client.hgetall(key);
    case 'list':
      return client.lrange(key, 0, -1);
    case 'set':
      return client.smembers(key);
    case 'zset':
      return client.zrange(key, 0, -1, 'WITHSCORES');
    case 'stream':
      return client.xrange(key, '-', '+');
    default:
      return null;
  }
}

/** Returns the names of all keys that match a pattern. */
export async function redisKeysLike(link: RedisLink, pattern: string): Promise<string[]> {
  return (await Promise.all(link.primaries().map((primary) => primary.keys(pattern)))).flat();
}

/**
 * Returns the names and values of all keys that match a pattern. Does not use DUMP, because DUMP compresses long
 * values.
 */
export async function redisText(link: RedisLink, ...patterns: string[]): Promise<string> {
  const keys = (await Promise.all(patterns.map((pattern) => redisKeysLike(link, pattern)))).flat();
  const values = await Promise.all(keys.map((key) => valueOf(link.client, key)));
  return keys.map((key, n) => `${key} ${JSON.stringify(values[n])}`).join('\n');
}
