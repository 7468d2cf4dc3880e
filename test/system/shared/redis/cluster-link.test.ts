import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Cluster, Command } from 'ioredis';
import { parseRedisUrl } from '../../../../shared/config/redis-url';
import { createLog } from '../../../../shared/log';
import { connectRedis } from '../../../../shared/redis/connect';
import type { LinkRole, RedisLink } from '../../../../shared/redis/link';
import { onServer } from '../../../support/failover';
import type { OpenedStore } from '../../../support/own-store';
import { openRedisCluster, type RedisCluster } from '../../../support/redis-cluster';
import { waitUntil } from '../../../support/wait-until';

const TIMEOUT_MS = 120_000;
const COMMAND_TIMEOUT_MS = 300;
/** Long enough for a test to use a server that does not respond before it is replaced. */
const NODE_TIMEOUT_MS = 6_000;
/** ioredis gives a command up after 16 redirections, 100 ms apart, by default. */
const DOWN_MS = 10_000;
const TRANSACTIONS = 40;

const REQUEST: LinkRole = { kind: 'request', timeoutMs: COMMAND_TIMEOUT_MS };

let cluster: RedisCluster;
const links: RedisLink[] = [];
beforeAll(async () => {
  cluster = await openRedisCluster(['--cluster-node-timeout', String(NODE_TIMEOUT_MS)]);
}, TIMEOUT_MS);
afterEach(async () => {
  for (const link of links.splice(0)) link.client.disconnect();
  for (const node of cluster.nodes) {
    if (node.isRunning()) node.thaw();
    else await node.restart();
  }
  await cluster.untilComplete();
}, TIMEOUT_MS);
afterAll(() => cluster.end(), TIMEOUT_MS);

async function connected(role: LinkRole): Promise<RedisLink & { client: Cluster }> {
  expect(parseRedisUrl(cluster.url).layout).toBe('cluster');
  const link = connectRedis(cluster.url, role, createLog('silent', 'worker'));
  links.push(link);
  await link.whenReady(TIMEOUT_MS);
  return link as RedisLink & { client: Cluster };
}

const slotOf = (key: string): number => new Command('get', [key]).getSlot();
const primaryAt = async (port: number | undefined): Promise<OpenedStore> =>
  (await cluster.primaries()).find(({ url }) => new URL(url).port === String(port))!;

/** Reads a key again and again. Rejects if one of the commands does. */
async function readFor(client: Cluster, ms: number): Promise<string | null> {
  const startedAt = performance.now();
  let value: string | null = null;
  while (performance.now() - startedAt < ms) value = await client.get('key');
  return value;
}

/** Kills two of three primaries, so that no replica can be promoted. */
async function withoutMajority(work: () => Promise<void>): Promise<void> {
  const killed = (await cluster.primaries()).slice(0, 2);
  await Promise.all(killed.map((primary) => primary.kill()));
  const [left] = await cluster.primaries();
  await waitUntil('the cluster is down', () =>
    onServer(left!, async (redis) => (await redis.cluster('INFO')).includes('cluster_state:fail')),
  );
  await work();
  await Promise.all(killed.map((primary) => primary.restart()));
  await cluster.untilComplete();
}

describe('a link to a Redis Cluster', () => {
  it(
    'waits out a time without a majority, as a worker, and reconnects or fails in that time',
    async () => {
      const { client } = await connected({ kind: 'worker' });
      await client.set('key', 'value');
      const fresh = client.duplicate([], { lazyConnect: true });
      fresh.on('error', () => undefined);
      const [found] = await Promise.all([
        readFor(client, DOWN_MS),
        withoutMajority(async () => {
          // BullMQ waits for this, without a time limit.
          await fresh.connect().catch((error: unknown) => expect(error).toBeInstanceOf(Error));
        }),
      ]);
      expect(found).toBe('value');
      fresh.disconnect();
    },
    TIMEOUT_MS,
  );

  it(
    'gives each command its own reply while transactions fail because a server is connecting',
    async () => {
      const link = await connected(REQUEST);
      const { client } = link;
      const unresponsive = link.primaryOf('{a}key');
      const frozen = await primaryAt(unresponsive.options.port);
      const slot = slotOf('{b}key');
      frozen.freeze();
      unresponsive.disconnect();
      await waitUntil('the server is connecting', () =>
        link
          .primaries()
          .some(({ options, status }) => options.port === unresponsive.options.port && status === 'connect'),
      );
      for (let n = 0; n < TRANSACTIONS; n += 1) {
        // A server that the client does not know yet, as after a failover.
        client.slots[slot] = ['127.0.0.1:1'];
        await client
          .multi()
          .set('{b}key', n)
          .get('{b}key')
          .exec()
          .catch(() => null);
        const others = client.nodes('all').filter(({ status }) => status === 'ready');
        expect(others.length).toBeGreaterThan(0);
        for (const node of others) expect(await node.echo(`command ${n}`)).toBe(`command ${n}`);
      }
    },
    TIMEOUT_MS,
  );

  it(
    'rejects a command whose slot moves to a server that does not respond, and nothing else',
    async () => {
      const unhandled: unknown[] = [];
      const onUnhandled = (error: unknown): void => void unhandled.push(error);
      process.on('unhandledRejection', onUnhandled);
      const link = await connected(REQUEST);
      const { client } = link;
      const slot = String(slotOf('moving'));
      const source = await primaryAt(link.primaryOf('moving').options.port);
      const target = (await cluster.primaries()).find((primary) => primary !== source)!;
      const [sourceId, targetId] = await Promise.all(
        [source, target].map((node) => onServer(node, (redis) => redis.cluster('MYID'))),
      );
      await onServer(target, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId!));
      await onServer(source, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId!));
      target.freeze();
      await expect(client.get('moving')).rejects.toThrow('Command timed out');
      target.thaw();
      for (const node of [source, target]) {
        await onServer(node, (redis) => redis.call('CLUSTER', 'SETSLOT', slot, 'STABLE'));
      }
      expect(unhandled).toEqual([]);
      process.off('unhandledRejection', onUnhandled);
    },
    TIMEOUT_MS,
  );
});
