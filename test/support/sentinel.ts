import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { Redis } from 'ioredis';
import { findRedis } from '../../deploy/local/find-redis';
import { GUARD_SH, GUARDED_STDIN_SH } from '../../deploy/local/guard';
import { storesCacheDir } from '../../deploy/local/paths';
import { freePort } from '../../deploy/local/ports';
import { follow, onServer, SYNC_AT_ONCE } from './failover';
import type { OwnStore } from './own-stores';
import type { TcpProxy } from './tcp-proxy';
import { waitUntil } from './wait-until';

const NAME = 'mir';
/** How often the proxy asks Sentinel for the primary. */
const POLL_MS = 50;
const SYNCED = 'master_link_status:up';

/** Options of a server whose replica must confirm writes. Valkey's WAITAOF is correct only with `appendfsync always`. */
export const REPLICATED = [...SYNC_AT_ONCE, '--appendfsync', 'always'];

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

/** Starts a Sentinel in a new folder. Returns its port and a function that ends it. */
async function startSentinel(primary: OwnStore): Promise<{ port: number; end: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'mir-sentinel-'));
  const [found, port] = await Promise.all([
    findRedis({ env: process.env, cacheDir: storesCacheDir(), onProgress: () => {} }),
    freePort(),
  ]);
  const file = join(folder, 'sentinel.conf');
  const settings = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `logfile ${join(folder, 'sentinel.log')}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${new URL(primary.url).port} 1`,
    `sentinel down-after-milliseconds ${NAME} 1000`,
    `sentinel failover-timeout ${NAME} 5000`,
  ];
  writeFileSync(file, `${settings.join('\n')}\n`);
  const script = `${GUARD_SH}\nexec "$@" ${GUARDED_STDIN_SH}`;
  const child = spawn('sh', ['-c', script, 'mir-sentinel', found.program, file, '--sentinel'], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(child, 'exit');
  return {
    port,
    end: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
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
