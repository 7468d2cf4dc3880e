import { afterAll } from '@jest/globals';
import { Redis } from 'ioredis';
import { follow, onServer, REPLICATED } from './failover';
import type { TcpProxy } from './open-tcp-proxy';
import type { OwnStore } from './own-store';
import { SENTINEL_NAME as NAME, startSentinel } from './start-sentinel';
import { waitUntil } from './wait-until';

/** How often the proxy asks Sentinel for the primary. */
const POLL_MS = 50;
const SYNCED = 'master_link_status:up';

/** Two Redis servers that a Sentinel monitors. */
export interface SentinelPair {
  /** Leads to the primary that Sentinel last named. Connections to the former primary are cut. */
  url: string;
  primary(): OwnStore;
  replica(): OwnStore;
  /** Kills the primary with SIGKILL, and waits until Sentinel has promoted the replica. */
  failOver(): Promise<void>;
  /** Restarts the former primary, and waits until Sentinel has made it a replica that has synced. */
  rejoin(): Promise<void>;
}

/** Returns a function that starts a pair. The Sentinels stop after the last test. */
export function sentinelPairs(
  ownRedis: (args?: readonly string[]) => Promise<OwnStore>,
  proxy: (url: string) => Promise<TcpProxy>,
): (args?: readonly string[]) => Promise<SentinelPair> {
  const ends: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await Promise.all(ends.map((end) => end()));
  });
  return async (args = []) => {
    const options = [...REPLICATED, ...args];
    const servers = await Promise.all([ownRedis(options), ownRedis(options)]);
    await follow(servers[1], servers[0]);
    const [name, sentinel] = await Promise.all([proxy(servers[0].url), startSentinel(servers[0])]);
    let current = servers[0];
    const other = (): OwnStore => servers.find((server) => server !== current)!;
    const client = new Redis(sentinel.port, { maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    const askForPrimary = setInterval(() => {
      void (client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME) as Promise<[string, string] | null>).then(
        (address) => {
          const named = servers.find(({ url }) => new URL(url).port === address?.[1]);
          if (named === undefined || named === current) return;
          current = named;
          name.moveTo(named.url);
          name.cut();
        },
        () => undefined,
      );
    }, POLL_MS);
    ends.push(async () => {
      clearInterval(askForPrimary);
      client.disconnect();
      await sentinel.end();
    });
    const seesReplica = (): Promise<void> =>
      waitUntil('Sentinel sees the replica', async () => {
        const replicas = (await client.call('SENTINEL', 'REPLICAS', NAME)) as string[][];
        return replicas.some((fields) => {
          const value = (field: string): string | undefined => fields[fields.indexOf(field) + 1];
          return value('flags') === 'slave' && value('master-link-status') === 'ok';
        });
      });
    await seesReplica();
    return {
      url: name.url,
      primary: () => current,
      replica: other,
      failOver: async () => {
        const former = current;
        await former.kill();
        await waitUntil('Sentinel has promoted the replica', () => current !== former);
      },
      rejoin: async () => {
        const former = other();
        await former.restart();
        await waitUntil('the former primary is a replica', async () =>
          (await onServer(former, (redis) => redis.info('replication'))).includes(SYNCED),
        );
        await seesReplica();
      },
    };
  };
}
