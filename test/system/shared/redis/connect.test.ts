import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { createLog } from '../../../../shared/log';
import { connectRedis, type LinkRole, type RedisLink } from '../../../../shared/redis/connect';
import { type OwnStore, ownStores } from '../../../support/own-stores';
import { tcpProxies } from '../../../support/tcp-proxy';
import { waitUntil } from '../../../support/wait-until';

const READY_TIMEOUT_MS = 5_000;
const REQUEST: LinkRole = { kind: 'request', timeoutMs: 1_000 };
const WORKER: LinkRole = { kind: 'worker' };
/** Links that share an epoch; each test has a key of its own. */
const sharing = () => ({ kind: 'request', timeoutMs: 1_000, epochKey: `epoch-${randomUUID()}` }) as const;

const links: RedisLink[] = [];
// First of all ends, before the servers.
afterAll(async () => {
  await Promise.all(links.map((link) => link.close()));
});
const proxy = tcpProxies();
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

describe('connecting to Redis', () => {
  it.each([REQUEST, WORKER])(
    'after a failover that leaves its connection open, a $kind link writes to the new primary',
    async (role) => {
      const name = await proxy(primary.url);
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

  it('a link that only reads does not go on reading from a server that has become a replica', async () => {
    const name = await proxy(primary.url);
    const link = await linkTo(name.url, REQUEST);
    const before = link.runId();
    name.moveTo(next.url);
    const failBack = await failOver();
    await waitUntil('it reads elsewhere', () => link.runId() !== null && link.runId() !== before);
    expect(await link.client.info('replication')).toContain('role:master');
    await failBack();
  });

  it.each([REQUEST, WORKER])(
    'a $kind link whose server was a replica between two looks reconnects, and its epoch is a new one',
    async (role) => {
      const link = await linkTo(primary.url, role);
      const before = [link.runId(), link.serverId(), link.epoch()];
      let isNew = false;
      link.client.once('ready', () => (isNew = true));
      await onServer(primary.url, (redis) =>
        redis.multi().call('REPLICAOF', '127.0.0.1', '1').call('REPLICAOF', 'NO', 'ONE').exec(),
      );
      await waitUntil('it has reconnected', () => isNew);
      await link.whenReady(READY_TIMEOUT_MS);
      expect(link.runId()).toBe(before[0]);
      expect(link.serverId()).not.toBe(before[1]);
      expect(link.epoch()).not.toBe(before[2]);
    },
  );

  it('links to one server share its epoch, also when one of them reconnects', async () => {
    const role = sharing();
    const name = await proxy(primary.url);
    const [link, other] = [await linkTo(name.url, role), await linkTo(primary.url, role)];
    const before = link.epoch();
    expect(other.epoch()).toBe(before);
    name.cut();
    await waitUntil('the connection has ended', () => link.epoch() === null);
    await link.whenReady(READY_TIMEOUT_MS);
    expect(link.epoch()).toBe(before);
    expect(other.epoch()).toBe(before);
  });

  it('a link that comes back from another server gives its server a new epoch, for the others too', async () => {
    const role = sharing();
    const name = await proxy(primary.url);
    const [link, other] = [await linkTo(name.url, role), await linkTo(primary.url, role)];
    const before = link.epoch();
    const moveTo = async (url: string): Promise<void> => {
      name.moveTo(url);
      name.cut();
      await waitUntil('the connection has ended', () => link.epoch() === null);
      await link.whenReady(READY_TIMEOUT_MS);
    };
    await moveTo(next.url);
    expect(other.epoch()).toBe(before);
    await moveTo(primary.url);
    expect(link.epoch()).not.toBe(before);
    await waitUntil('the other link has noticed', () => other.epoch() === link.epoch());
  });

  it('a server that no process has used for long enough gets a new epoch', async () => {
    const role = sharing();
    const { epochKey } = role;
    const first = await linkTo(primary.url, role);
    const before = first.epoch();
    links.splice(links.indexOf(first), 1);
    await first.close();
    await onServer(primary.url, async (redis) => {
      const leftMs = await redis.pttl(epochKey);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(60_000);
      await redis.del(epochKey);
    });
    const second = await linkTo(primary.url, role);
    expect(second.epoch()).not.toBe(before);
  });

  it('a link renews the token before it expires', async () => {
    const role = sharing();
    await linkTo(primary.url, role);
    await onServer(primary.url, async (redis) => {
      await redis.pexpire(role.epochKey, 10_000);
      await waitUntil('the token is renewed', async () => (await redis.pttl(role.epochKey)) > 10_000);
    });
  });

  it('a lost token is set again by a link that never left, with the epoch it had', async () => {
    const role = sharing();
    const link = await linkTo(primary.url, role);
    const before = link.epoch();
    await onServer(primary.url, async (redis) => {
      await redis.flushall();
      await waitUntil('the token is there again', async () => (await redis.exists(role.epochKey)) === 1);
    });
    expect((await linkTo(primary.url, role)).epoch()).toBe(before);
  });

  it('a worker whose network went dead without a word gets its answer over a new connection', async () => {
    const name = await proxy(primary.url);
    const link = await linkTo(name.url, WORKER);
    const blocking = link.client.duplicate();
    await blocking.set('blocking', 'yes');
    name.deaden();
    expect(await link.client.set('written', 'after')).toBe('OK');
    // The connection that BullMQ blocks on is BullMQ's to watch.
    expect(blocking.options.socketTimeout).toBeUndefined();
    blocking.disconnect();
  });
});
