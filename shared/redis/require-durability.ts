import type { Redis } from 'ioredis';
import type { QueueDurability } from '../config/settings';
import { type Info, readInfo } from './info';

/** Returns whether the server syncs its append-only file before every reply. Null if the server forbids CONFIG. */
async function syncsBeforeReplies(client: Redis): Promise<boolean | null> {
  return client.config('GET', 'appendfsync').then(
    (reply) => (reply as string[])[1] === 'always',
    () => null,
  );
}

/**
 * Returns the name of a server whose WAITAOF may return before the fsync, unless the server has `appendfsync always`.
 * Returns null for other servers. The bug is in Redis 7.4.0 to 7.4.2 (https://github.com/redis/redis/pull/13793) and
 * in Valkey 8 and later. The latest version of Valkey that we tested is 9.1.2.
 */
export function confirmsTooEarly(info: Info): string | null {
  const valkey = info('valkey_version');
  if (valkey !== '') return Number.parseInt(valkey, 10) >= 8 ? `Valkey ${valkey}` : null;
  const redis = info('redis_version');
  return /^7\.4\.[0-2]$/.test(redis) ? `Redis ${redis}` : null;
}

/**
 * Checks that the queue's Redis can provide a durability, and returns whether MIR must send WAITAOF after a write. Does
 * not check the replicas, because they may be away for a while.
 */
export async function requireDurability(client: Redis, mode: Exclude<QueueDurability, 'everysec'>): Promise<boolean> {
  const required = `QUEUE_DURABILITY=${mode} requires`;
  if ((await readInfo(client, 'persistence'))('aof_enabled') !== '1') {
    throw new Error(`${required} \`appendonly yes\` on the server at REDIS_URL. Turn it on there.`);
  }
  const syncsAlways = await syncsBeforeReplies(client);
  if (mode === 'fsync' && syncsAlways) return false;
  const command = (await client.call('COMMAND', 'INFO', 'WAITAOF')) as unknown[];
  if (!command[0]) {
    const otherwise = mode === 'fsync' ? ', or set `appendfsync always`' : '';
    throw new Error(
      `${required} WAITAOF, which the server at REDIS_URL does not have. ` +
        `Upgrade it to Redis 7.2+ or Valkey 8+${otherwise}.`,
    );
  }
  const server = syncsAlways ? null : confirmsTooEarly(await readInfo(client, 'server'));
  if (server !== null) {
    const remedy = syncsAlways === null ? 'Set it there, and allow MIR to run CONFIG GET.' : 'Set it there.';
    throw new Error(
      `${required} \`appendfsync always\` on the server at REDIS_URL, because WAITAOF on ${server} may return before ` +
        `the fsync. ${remedy}`,
    );
  }
  return true;
}
