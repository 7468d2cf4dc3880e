import { Redis } from 'ioredis';
import { follow } from '../../support/failover';
import { type OpenedStore, openOwnRedis } from '../../support/own-store';
import { SENTINEL_NAME, startSentinel } from '../../support/start-sentinel';
import { succeeds, waitUntil } from '../../support/wait-until';
import { redisArgs } from '../environment';
import type { Fault, Stage } from './fault';

const FAILOVER_WITHIN_MS = 60_000;
/** How long ago an event may have been received that the replica does not have yet. */
const REPLICATION_LAG_MS = 1_000;
const SYNCED = /role:slave[^]*master_link_status:up/;

/** Starts a Sentinel that monitors the primary. */
async function watchPrimary(primary: OpenedStore) {
  const { port, end } = await startSentinel(primary);
  const client = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  const ask = (...command: string[]): Promise<unknown> => client.call('SENTINEL', ...command, SENTINEL_NAME);
  return {
    failOver: () => ask('FAILOVER'),
    seesReplica: async () => ((await ask('REPLICAS')) as unknown[]).length > 0,
    primaryPort: async () => ((await ask('GET-MASTER-ADDR-BY-NAME')) as string[])[1]!,
    close: async () => {
      client.disconnect();
      await end();
    },
  };
}

async function failOverAndBack(stage: Stage): Promise<void> {
  const { environment, traffic, hold, note, afterRecovery } = stage;
  const { redis, replica, durability, onRedis } = environment;
  const former = redis.server;
  const next = replica ?? (await openOwnRedis({ args: redisArgs(durability) }));
  const sentinel = await watchPrimary(former);
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
    if (replica !== null) return;
    traffic.oracle.mayBeLost.push({ fromMs: fromMs - REPLICATION_LAG_MS, toMs: Date.now() });
  };
  const isReplica = (server: OpenedStore): Promise<boolean> =>
    onRedis(async (client) => SYNCED.test(await client.info('replication')), { server });
  const close = async (): Promise<void> => {
    if (replica === null) return void (await Promise.all([sentinel.close(), next.end()]));
    // Sentinel demotes the server up to 10 s after the failback.
    await waitUntil('the replica follows the primary again', () => isReplica(next), FAILOVER_WITHIN_MS);
    await sentinel.close();
  };
  try {
    if (replica === null) await follow(next, former);
    await waitUntil('Sentinel knows the replica', sentinel.seesReplica, FAILOVER_WITHIN_MS);
    const failedAtMs = Date.now();
    await former.kill();
    await moveTo(next.url, failedAtMs);
    note(`failed over after ${((Date.now() - failedAtMs) / 1_000).toFixed(1)} s`);
    await hold();
    await former.restart();
    await waitUntil('the former primary follows the new one', () => isReplica(former), FAILOVER_WITHIN_MS);
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
    run: failOverAndBack,
  },
];
