import { Redis } from 'ioredis';
import type { OwnStore } from './own-stores';
import type { TcpProxy } from './tcp-proxy';
import { waitUntil } from './wait-until';

/** Without it a full sync waits 5 s for more replicas. */
export const SYNC_AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/** What becomes of the former primary in a failover. */
export const FORMER_PRIMARIES = [
  'follows the new primary',
  'is demoted but cannot sync',
  'is not demoted, and its connections end',
] as const;
export type FormerPrimary = (typeof FORMER_PRIMARIES)[number];

/** Runs commands on one server, whatever it is. */
export async function onServer<T>({ url }: Pick<OwnStore, 'url'>, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  try {
    return await work(redis);
  } finally {
    redis.disconnect();
  }
}

/** Makes a server a replica of another and waits until it has its data. */
export async function follow(replica: OwnStore, primary: OwnStore): Promise<void> {
  const { hostname, port } = new URL(primary.url);
  await onServer(replica, async (redis) => {
    await redis.call('REPLICAOF', hostname, port);
    await waitUntil('the replica has synced', async () => {
      return (await redis.info('replication')).includes('master_link_status:up');
    });
  });
}

/** Makes `next` the primary, moves the name to it, and lets `former` become what it becomes. */
export async function failOver(name: TcpProxy, former: OwnStore, next: OwnStore, fate: FormerPrimary): Promise<void> {
  await onServer(next, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
  name.moveTo(next.url);
  if (fate === 'follows the new primary') await follow(former, next);
  // Nothing listens on port 1.
  else if (fate === 'is demoted but cannot sync') {
    await onServer(former, (redis) => redis.call('REPLICAOF', '127.0.0.1', '1'));
  } else name.cut();
}

/** The run id of a server, as a link shows it. */
export async function runIdOf(server: OwnStore): Promise<string> {
  const info = await onServer(server, (redis) => redis.info('server'));
  return /run_id:(\w{12})/.exec(info)![1]!;
}
