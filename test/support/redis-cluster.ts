import type { Redis } from 'ioredis';
import { freePort } from '../../deploy/local/ports';
import { onServer, SYNC_AT_ONCE } from './failover';
import { type OpenedStore, openOwnRedis } from './own-store';
import { waitUntil } from './wait-until';

const PRIMARIES = 3;
const SLOTS = 16_384;
/** A primary that does not respond for this long is replaced by its replica. */
const NODE_TIMEOUT_MS = 2_000;
const FORMED_WITHIN_MS = 60_000;

/** A Redis Cluster of three primaries, each with a replica. */
export interface RedisCluster {
  /** Names all nodes. */
  url: string;
  nodes: readonly OpenedStore[];
  /** Returns the running nodes that are primaries now. */
  primaries(): Promise<OpenedStore[]>;
  /** Makes a primary reject its replica until the primary restarts. Open connections of clients stay usable. */
  cutOffReplica(primary: OpenedStore): Promise<void>;
  /** Waits until all slots are served, and each primary has a replica that has synced. */
  untilComplete(): Promise<void>;
  /** Returns a primary's slots, in ascending order. */
  slotsOf(primary: OpenedStore): Promise<number[]>;
  /** Moves every key in some of a primary's slots to another primary. */
  moveSlots(from: OpenedStore, to: OpenedStore, slots: readonly number[]): Promise<void>;
  end(): Promise<void>;
}

const addressOf = ({ url }: OpenedStore): { host: string; port: number } => {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
};
const idOf = (redis: Redis): Promise<string> => redis.cluster('MYID');
const info = (redis: Redis): Promise<string> => redis.cluster('INFO');
const isPrimary = async (redis: Redis): Promise<boolean> => (await redis.info('replication')).includes('role:master');

async function form(nodes: readonly OpenedStore[]): Promise<void> {
  const [first] = nodes;
  const perPrimary = Math.ceil(SLOTS / PRIMARIES);
  const ids: string[] = [];
  for (const [n, node] of nodes.entries()) {
    await onServer(node, async (redis) => {
      ids.push(await idOf(redis));
      const to = Math.min(SLOTS, (n + 1) * perPrimary) - 1;
      if (n < PRIMARIES) await redis.call('CLUSTER', 'ADDSLOTSRANGE', String(n * perPrimary), String(to));
      // Without this, nodes start with the same epoch and take some time to agree.
      await redis.call('CLUSTER', 'SET-CONFIG-EPOCH', String(n + 1));
    });
  }
  await onServer(first!, async (redis) => {
    for (const node of nodes) {
      const { host, port } = addressOf(node);
      const [, busPort] = await onServer(node, (other) => other.config('GET', 'cluster-port') as Promise<string[]>);
      await redis.call('CLUSTER', 'MEET', host, String(port), busPort!);
    }
  });
  for (const [n, node] of nodes.entries()) {
    await onServer(node, async (redis) => {
      const knowsAll = async (): Promise<boolean> =>
        (await info(redis)).includes(`cluster_known_nodes:${nodes.length}\r`) &&
        !String(await redis.cluster('NODES')).includes('handshake');
      await waitUntil('the node knows all others', knowsAll, FORMED_WITHIN_MS);
      if (n >= PRIMARIES) await redis.call('CLUSTER', 'REPLICATE', ids[n - PRIMARIES]!);
    });
  }
}

type SlotRange = [first: number, last: number, primary: [host: string, port: number]];

/** Moves slots as `redis-cli --cluster reshard` does. */
async function moveSlot(source: Redis, target: Redis, slot: number, to: { host: string; port: number }): Promise<void> {
  const [sourceId, targetId] = await Promise.all([idOf(source), idOf(target)]);
  await target.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', sourceId);
  await source.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', targetId);
  for (;;) {
    const keys = (await source.call('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')) as string[];
    if (keys.length === 0) break;
    await source.call('MIGRATE', to.host, String(to.port), '', '0', '10000', 'KEYS', ...keys);
  }
  for (const node of [target, source]) await node.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', targetId);
}

/** Starts a cluster. The caller ends it. */
export async function openRedisCluster(args: readonly string[] = []): Promise<RedisCluster> {
  const options = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)];
  const nodes = await Promise.all(
    Array.from({ length: 2 * PRIMARIES }, async () => {
      const bus = ['--cluster-port', String(await freePort())];
      return openOwnRedis({ args: [...options, ...bus, ...SYNC_AT_ONCE, ...args] });
    }),
  );
  const running = (): OpenedStore[] => nodes.filter((node) => node.isRunning());
  const untilComplete = async (): Promise<void> => {
    for (const node of running()) {
      await waitUntil(
        'the cluster is complete',
        () =>
          onServer(node, async (redis) => {
            const [state, replication] = [await info(redis), await redis.info('replication')];
            const isSynced = /role:slave[^]*master_link_status:up/.test(replication);
            const hasReplica = /role:master[^]*state=online/.test(replication);
            return state.includes('cluster_state:ok') && (isSynced || hasReplica);
          }),
        FORMED_WITHIN_MS,
      );
    }
  };
  const end = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.end()));
  };
  try {
    await form(nodes);
    await untilComplete();
  } catch (error) {
    await end();
    throw error;
  }
  return {
    url: `redis://${nodes
      .map(addressOf)
      .map(({ host, port }) => `${host}:${port}`)
      .join(',')}`,
    nodes,
    primaries: async () => {
      const found = await Promise.all(running().map(async (node) => ({ node, is: await onServer(node, isPrimary) })));
      return found.filter(({ is }) => is).map(({ node }) => node);
    },
    cutOffReplica: async (primary) => {
      await onServer(primary, async (redis) => {
        // Connections that are open stay authenticated, but the replica must log in again.
        await redis.config('SET', 'requirepass', 'unknown-to-the-replica');
        await redis.client('KILL', 'TYPE', 'replica');
        await waitUntil('the replica is cut off', async () =>
          (await redis.info('replication')).includes('connected_slaves:0'),
        );
      });
    },
    untilComplete,
    slotsOf: async (primary) => {
      const ranges = (await onServer(primary, (redis) => redis.call('CLUSTER', 'SLOTS'))) as SlotRange[];
      const own = ranges.filter(([, , [, port]]) => port === addressOf(primary).port);
      return own.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => first + n));
    },
    moveSlots: async (from, to, slots) => {
      await onServer(from, (source) =>
        onServer(to, async (target) => {
          for (const slot of slots) await moveSlot(source, target, slot, addressOf(to));
        }),
      );
    },
    end,
  };
}
