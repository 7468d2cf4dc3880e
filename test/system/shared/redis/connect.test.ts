import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { createLog } from '../../../../shared/log';
import { connectRedis } from '../../../../shared/redis/connect';
import type { LinkRole, RedisLink } from '../../../../shared/redis/link';
import { onServer } from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import type { OwnStore } from '../../../support/own-store';
import { tcpProxies } from '../../../support/tcp-proxy';
import { succeeds, waitUntil } from '../../../support/wait-until';

const READY_TIMEOUT_MS = 5_000;
const REQUEST: LinkRole = { kind: 'request', timeoutMs: 1_000 };
const WORKER: LinkRole = { kind: 'worker' };
/** Returns a role whose links share an epoch. Each test uses its own key. */
const newSharedRole = () => ({ kind: 'request', timeoutMs: 1_000, epochKey: `epoch-${randomUUID()}` }) as const;

const { closeAtEnd, ownRedis } = faultEnvironment();
const proxy = tcpProxies();
let primary: OwnStore;
let next: OwnStore;
beforeAll(async () => {
  [primary, next] = await Promise.all([ownRedis(), ownRedis()]);
});

async function linkTo(url: string, role: LinkRole): Promise<RedisLink> {
  const link = connectRedis(url, role, createLog('silent', 'test'));
  closeAtEnd(link);
  await link.whenReady(READY_TIMEOUT_MS);
  return link;
}

/** Makes the former primary a replica of the new one. Returns a function that undoes the change. */
async function demotePrimary(): Promise<() => Promise<unknown>> {
  const { hostname, port } = new URL(next.url);
  await onServer(primary, (redis) => redis.call('REPLICAOF', hostname, port));
  return () => onServer(primary, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
}

describe('connecting to Redis', () => {
  it.each([REQUEST, WORKER])(
    'moves a $kind link to the new primary after a failover that leaves its connection open',
    async (role) => {
      const name = await proxy(primary.url);
      const link = await linkTo(name.url, role);
      const before = link.runId();
      name.moveTo(next.url);
      const promoteAgain = await demotePrimary();
      await waitUntil('a write succeeds', () => succeeds(link.client.set('written', role.kind)));
      await link.whenReady(READY_TIMEOUT_MS);
      expect(link.runId()).not.toBe(before);
      expect(await onServer(next, (redis) => redis.get('written'))).toBe(role.kind);
      await promoteAgain();
    },
  );

  it.each([REQUEST, WORKER])(
    'moves a $kind link away from a former primary that rejects writes because its replicas have left it',
    async (role) => {
      const name = await proxy(primary.url);
      const link = await linkTo(name.url, role);
      name.moveTo(next.url);
      await onServer(primary, (redis) => redis.config('SET', 'min-replicas-to-write', '1'));
      await waitUntil('a write succeeds', () => succeeds(link.client.set('written', `isolated ${role.kind}`)));
      expect(await onServer(next, (redis) => redis.get('written'))).toBe(`isolated ${role.kind}`);
      await onServer(primary, (redis) => redis.config('SET', 'min-replicas-to-write', '0'));
    },
  );

  it('moves a read-only link away from a server that has become a replica', async () => {
    const name = await proxy(primary.url);
    const link = await linkTo(name.url, REQUEST);
    const before = link.runId();
    name.moveTo(next.url);
    const promoteAgain = await demotePrimary();
    await waitUntil('the link uses another server', () => link.runId() !== null && link.runId() !== before);
    expect(await link.client.info('replication')).toContain('role:master');
    await promoteAgain();
  });

  it.each([REQUEST, WORKER])(
    'reconnects a $kind link with a new epoch if its server was a replica between two checks',
    async (role) => {
      const link = await linkTo(primary.url, role);
      const before = [link.runId(), link.serverId(), link.epoch()];
      let isNew = false;
      link.client.once('ready', () => (isNew = true));
      await onServer(primary, (redis) =>
        redis.multi().call('REPLICAOF', '127.0.0.1', '1').call('REPLICAOF', 'NO', 'ONE').exec(),
      );
      await waitUntil('the link has reconnected', () => isNew);
      await link.whenReady(READY_TIMEOUT_MS);
      expect(link.runId()).toBe(before[0]);
      expect(link.serverId()).not.toBe(before[1]);
      expect(link.epoch()).not.toBe(before[2]);
    },
  );

  it('shares one epoch among the links to a server, even after one of them reconnects', async () => {
    const role = newSharedRole();
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

  it('starts a new epoch for all links to a server when one of them returns from another server', async () => {
    const role = newSharedRole();
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
    await waitUntil('the other link uses the new epoch', () => other.epoch() === link.epoch());
  });

  it('starts a new epoch on a server that no process has used for a while', async () => {
    const role = newSharedRole();
    const { epochKey } = role;
    const first = await linkTo(primary.url, role);
    const before = first.epoch();
    await first.close();
    await onServer(primary, async (redis) => {
      const leftMs = await redis.pttl(epochKey);
      expect(leftMs).toBeGreaterThan(0);
      expect(leftMs).toBeLessThanOrEqual(60_000);
      await redis.del(epochKey);
    });
    const second = await linkTo(primary.url, role);
    expect(second.epoch()).not.toBe(before);
  });

  it('renews the epoch token before it expires', async () => {
    const role = newSharedRole();
    await linkTo(primary.url, role);
    await onServer(primary, async (redis) => {
      await redis.pexpire(role.epochKey, 10_000);
      await waitUntil('the token is renewed', async () => (await redis.pttl(role.epochKey)) > 10_000);
    });
  });

  it('restores a lost token with the same epoch while a link is connected', async () => {
    const role = newSharedRole();
    const link = await linkTo(primary.url, role);
    const before = link.epoch();
    await onServer(primary, async (redis) => {
      await redis.flushall();
      await waitUntil('the token is restored', async () => (await redis.exists(role.epochKey)) === 1);
    });
    expect((await linkTo(primary.url, role)).epoch()).toBe(before);
  });

  it('resends a worker command over a new connection when the network goes silent', async () => {
    const name = await proxy(primary.url);
    const link = await linkTo(name.url, WORKER);
    const blocking = link.client.duplicate();
    await blocking.set('blocking', 'yes');
    name.dropTraffic();
    expect(await link.client.set('written', 'after')).toBe('OK');
    // BullMQ monitors its blocking connection itself.
    expect(blocking.options).toMatchObject({ socketTimeout: undefined });
    blocking.disconnect();
  });
});
