import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { createLog } from '../../../shared/platform/log';
import { connectRedis, type LinkRole, type RedisLink } from '../../../shared/queue/connect';
import { type OwnStore, ownStores } from '../../support/own-stores';
import { relays } from '../../support/relay';
import { waitUntil } from '../../support/wait-until';

const READY_TIMEOUT_MS = 5_000;
const REQUEST: LinkRole = { kind: 'request', timeoutMs: 1_000 };
const WORKER: LinkRole = { kind: 'worker' };

const links: RedisLink[] = [];
// First of all ends, before the servers.
afterAll(async () => {
  await Promise.all(links.map((link) => link.close()));
});
const relay = relays();
const { ownRedis } = ownStores();
let primary: OwnStore;
let next: OwnStore;
beforeAll(async () => {
  [primary, next] = await Promise.all([ownRedis(), ownRedis()]);
});

async function linkTo(url: string, role: LinkRole): Promise<RedisLink> {
  const link = connectRedis(url, role, createLog('silent', 'test'));
  links.push(link);
  await link.whenReady(READY_TIMEOUT_MS);
  return link;
}

async function onServer(url: string, work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(url);
  await work(redis);
  redis.disconnect();
}

/** What a failover does: the name leads to the other server, and the former primary follows it. Returns its end. */
async function failOver(): Promise<() => Promise<void>> {
  const { hostname, port } = new URL(next.url);
  await onServer(primary.url, (redis) => redis.call('REPLICAOF', hostname, port));
  return () => onServer(primary.url, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
}

test.each([REQUEST, WORKER])(
  'after a failover that leaves its connection open, a $kind link writes to the new primary',
  async (role) => {
    const name = await relay(primary.url);
    const link = await linkTo(name.url, role);
    const before = link.runId();
    name.moveTo(next.url);
    const failBack = await failOver();
    await waitUntil('a write is taken', () =>
      link.client.set('written', role.kind).then(
        () => true,
        () => false,
      ),
    );
    await link.whenReady(READY_TIMEOUT_MS);
    expect(link.runId()).not.toBe(before);
    await onServer(next.url, async (redis) => expect(await redis.get('written')).toBe(role.kind));
    await failBack();
  },
);

test('a link that only reads does not go on reading from a server that has become a replica', async () => {
  const name = await relay(primary.url);
  const link = await linkTo(name.url, REQUEST);
  const before = link.runId();
  name.moveTo(next.url);
  const failBack = await failOver();
  await waitUntil('it reads elsewhere', () => link.runId() !== null && link.runId() !== before);
  expect(await link.client.info('replication')).toContain('role:master');
  await failBack();
});

test('a worker whose network went dead without a word gets its answer over a new connection', async () => {
  const name = await relay(primary.url);
  const link = await linkTo(name.url, WORKER);
  const blocking = link.client.duplicate();
  await blocking.set('blocking', 'yes');
  name.deaden();
  expect(await link.client.set('written', 'after')).toBe('OK');
  // The connection that BullMQ blocks on is BullMQ's to watch.
  expect(blocking.options.socketTimeout).toBeUndefined();
  blocking.disconnect();
});
