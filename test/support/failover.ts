import { Redis } from 'ioredis';
import type { OwnStore } from './own-store';
import type { TcpProxy } from './open-tcp-proxy';
import { waitUntil } from './wait-until';

/** Server options that make a full sync start immediately. By default, Redis waits 5 s for more replicas. */
export const SYNC_AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/** Options of a server whose replica must confirm writes. Valkey's WAITAOF is correct only with `appendfsync always`. */
export const REPLICATED = [...SYNC_AT_ONCE, '--appendfsync', 'always'];

/** What can happen to the former primary in a failover. */
export const FORMER_PRIMARIES = [
  'follows the new primary',
  'is demoted but cannot sync',
  'is not demoted, and its connections end',
] as const;
export type FormerPrimary = (typeof FORMER_PRIMARIES)[number];

/** Runs commands on one server through a temporary connection. */
export async function onServer<T>({ url }: Pick<OwnStore, 'url'>, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Turns a server into a replica of another server, and waits until the replica has synced. */
export async function follow(replica: OwnStore, primary: Pick<OwnStore, 'url'>): Promise<void> {
  const { hostname, port } = new URL(primary.url);
  await onServer(replica, async (redis) => {
    await redis.call('REPLICAOF', hostname, port);
    await waitUntil('the replica has synced', async () => {
      return (await redis.info('replication')).includes('master_link_status:up');
    });
  });
}

/** Promotes `next`, points the proxy to it, and handles the former primary according to `fate`. */
export async function failOver(proxy: TcpProxy, former: OwnStore, next: OwnStore, fate: FormerPrimary): Promise<void> {
  await onServer(next, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
  proxy.moveTo(next.url);
  if (fate === 'follows the new primary') await follow(former, next);
  // No server listens on port 1.
  else if (fate === 'is demoted but cannot sync') {
    await onServer(former, (redis) => redis.call('REPLICAOF', '127.0.0.1', '1'));
  } else proxy.cut();
}

/** Returns the first 12 characters of a server's run ID, the form in which `RedisLink` reports it. */
export async function runIdOf(server: OwnStore): Promise<string> {
  const info = await onServer(server, (redis) => redis.info('server'));
  return /run_id:(\w{12})/.exec(info)![1]!;
}
