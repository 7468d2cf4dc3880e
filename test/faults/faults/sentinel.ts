import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Redis } from 'ioredis';
import { findOnPath } from '../../../deploy/local/paths';
import { freePort } from '../../../deploy/local/ports';
import { follow, SYNC_AT_ONCE } from '../../support/failover';
import { openOwnRedis } from '../../support/own-store';
import { succeeds, waitUntil } from '../../support/wait-until';
import { MAX_MEMORY_BYTES } from '../environment';
import type { Fault, Stage } from './fault';

const NAME = 'mir';
const DOWN_AFTER_MS = 1_000;
const FAILOVER_WITHIN_MS = 60_000;
/** How long ago an event may have been received that the replica does not have yet. */
const REPLICATION_LAG_MS = 1_000;
/** With this durability, MIR accepts events only once a replica has them. */
const REPLICATED = 'replicated';

const server = (): string | null => findOnPath('valkey-server', process.env) ?? findOnPath('redis-server', process.env);

/** Starts a Sentinel that watches the primary. */
async function startSentinel(folder: string, primaryUrl: string) {
  const port = await freePort();
  const { hostname, port: primaryPort } = new URL(primaryUrl);
  const file = path.join(folder, 'sentinel.conf');
  mkdirSync(folder, { recursive: true });
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${NAME} ${hostname} ${primaryPort} 1`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 5000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn(server()!, [file, '--sentinel'], { stdio: 'ignore' });
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  const exited = once(child, 'exit');
  return {
    failOver: () => client.call('SENTINEL', 'FAILOVER', NAME),
    replicas: async () => ((await client.call('SENTINEL', 'REPLICAS', NAME)) as unknown[]).length,
    primaryPort: async () => ((await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[])[1]!,
    close: async () => {
      client.disconnect();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function failOverAndBack(stage: Stage): Promise<void> {
  const { environment, traffic, hold, note, random, afterRecovery } = stage;
  const { redis, env, folder, onRedis } = environment;
  const former = redis.server;
  const next = await openOwnRedis({ args: [...SYNC_AT_ONCE, '--maxmemory', String(MAX_MEMORY_BYTES)] });
  const sentinel = await startSentinel(path.join(folder, `sentinel-${random.int(0, 2 ** 31)}`), former.url);
  /** Waits until Sentinel has promoted the server, and moves MIR to it. */
  const moveTo = async (url: string, fromMs: number): Promise<void> => {
    const { port } = new URL(url);
    await waitUntil(
      'Sentinel has promoted the server',
      async () => (await sentinel.primaryPort()) === port,
      FAILOVER_WITHIN_MS,
    );
    redis.proxy.moveTo(url);
    redis.proxy.cut();
    if (env['QUEUE_DURABILITY'] === REPLICATED) return;
    traffic.oracle.mayBeLost.push({ fromMs: fromMs - REPLICATION_LAG_MS, toMs: Date.now() });
  };
  const isReplica = (): Promise<boolean> =>
    onRedis(async (client) => /role:slave[^]*master_link_status:up/.test(await client.info('replication')));
  const close = async (): Promise<void> => {
    await sentinel.close();
    await next.end();
  };
  try {
    await follow(next, former);
    await waitUntil('Sentinel knows the replica', async () => (await sentinel.replicas()) > 0, FAILOVER_WITHIN_MS);
    const failedAtMs = Date.now();
    await former.kill();
    await moveTo(next.url, failedAtMs);
    note(`failed over after ${((Date.now() - failedAtMs) / 1_000).toFixed(1)} s`);
    await hold();
    await former.restart();
    await waitUntil('the former primary follows the new one', isReplica, FAILOVER_WITHIN_MS);
    const backAtMs = Date.now();
    await waitUntil('Sentinel starts the failback', () => succeeds(sentinel.failOver()), FAILOVER_WITHIN_MS);
    await moveTo(former.url, backAtMs);
  } catch (error) {
    await close();
    throw error;
  }
  afterRecovery(close);
}

export const SENTINEL: Fault[] = [
  {
    number: 22,
    name: 'failover and failback',
    does: 'kill -9 of the queue Redis; Sentinel promotes a replica, and later the former primary again',
    invariant: 'only events of the last second before each failover may be lost; none in replicated mode',
    seconds: { from: 5, to: 15 },
    unavailable: () => (server() ? null : 'Sentinel requires valkey-server or redis-server on PATH'),
    run: failOverAndBack,
  },
];
