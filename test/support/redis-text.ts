import type { RedisLink } from '../../shared/redis/connect';

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

/**
 * Returns the names and values of all keys that match a pattern. Does not use DUMP, because DUMP compresses long
 * values.
 */
export async function redisText(client: Client, ...patterns: string[]): Promise<string> {
  const keys = (await Promise.all(patterns.map((pattern) => client.keys(pattern)))).flat();
  const values = await Promise.all(keys.map((key) => valueOf(client, key)));
  return keys.map((key, n) => `${key} ${JSON.stringify(values[n])}`).join('\n');
}
