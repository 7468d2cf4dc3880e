import { setImmediate as nextTurn } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  expectBalanced,
  findAccepted,
  newExpectedState,
  someEvents,
  someKeyedEvents,
  submit,
  submitUntilAccepted,
  waitUntilDrained,
} from '../../../support/expected-state';
import { follow, onServer, REPLICATED } from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import { keepSubmitting } from '../../../support/keep-submitting';
import type { OwnStore } from '../../../support/own-store';
import { sentinelPairs } from '../../../support/sentinel';
import type { TcpProxy } from '../../../support/open-tcp-proxy';
import { tcpProxies } from '../../../support/tcp-proxy';
import { succeeds, waitUntil } from '../../../support/wait-until';
import { createFsyncGuard, type FsyncGuard } from '../../../../shared/redis/fsync-guard';

const TURNS = 50;

const { ownRedis, serve } = faultEnvironment();
const proxy = tcpProxies();
const startPair = sentinelPairs(ownRedis, proxy);

const replicatedEnv = (url: string) => ({ REDIS_URL: url, QUEUE_DURABILITY: 'replicated' });

describe('QUEUE_DURABILITY=replicated in a failover', () => {
  it('loses no accepted event in a failover by Sentinel under traffic, nor in the failback', async () => {
    const pair = await startPair();
    const mir = await serve({ env: replicatedEnv(pair.url) });
    const expectedState = newExpectedState(await mir.partner());
    const [first, second] = [pair.primary(), pair.replica()];
    const failOverAndRejoin = async (): Promise<void> => {
      await pair.failOver();
      await pair.rejoin();
    };
    await keepSubmitting(mir, expectedState, failOverAndRejoin);
    expect(pair.primary()).toBe(second);
    await keepSubmitting(mir, expectedState, failOverAndRejoin);
    expect(pair.primary()).toBe(first);
    await expectBalanced(mir, expectedState);
  }, 180_000);

  it('accepts no event that the replica has not received, so the failover loses none', async () => {
    const [first, second] = await Promise.all([ownRedis(REPLICATED), ownRedis(REPLICATED)]);
    const replication = await proxy(first.url);
    await follow(second, replication);
    const name = await proxy(first.url);
    const mir = await serve({ workers: false, env: replicatedEnv(name.url) });
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(10, 2));
    replication.dropTraffic();
    const unconfirmed = someKeyedEvents(10, 2);
    expect(await submit(mir.client, expectedState, unconfirmed)).toBe(503);

    await onServer(second, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
    name.moveTo(second.url);
    await first.kill();
    await first.restart();
    await follow(first, second);
    await submitUntilAccepted(mir.client, expectedState, unconfirmed);
    await mir.startWorkers();
    await expectBalanced(mir, expectedState);
  }, 60_000);

  it('loses accepted events if a replica is promoted that had not received them, while another one had', async () => {
    const [first, upToDate, behind] = await Promise.all([0, 1, 2].map(() => ownRedis(REPLICATED)));
    const replication = await proxy(first!.url);
    await Promise.all([follow(upToDate!, first!), follow(behind!, replication)]);
    const name = await proxy(first!.url);
    const mir = await serve({ workers: false, env: replicatedEnv(name.url) });
    const expectedState = newExpectedState(await mir.partner());
    replication.dropTraffic();
    await submitUntilAccepted(mir.client, expectedState, someEvents(10, 1));
    await onServer(behind!, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
    name.moveTo(behind!.url);
    await first!.kill();
    await mir.ctx.queueLink.whenReady(10_000);
    await mir.startWorkers();
    await waitUntilDrained(mir);
    expect(await findAccepted(mir, expectedState)).toMatchObject({ stored: [] });
  });
});

describe('QUEUE_DURABILITY=replicated', () => {
  let primary: OwnStore;
  let replica: OwnStore;
  let replication: TcpProxy;
  let mir: Harness;
  let guard: FsyncGuard;
  beforeAll(async () => {
    [primary, replica] = await Promise.all([ownRedis(REPLICATED), ownRedis(REPLICATED)]);
    replication = await proxy(primary.url);
    await follow(replica, replication);
    mir = await serve({ env: replicatedEnv(primary.url) });
    const { queueLink: link, keys, log } = mir.ctx;
    guard = await createFsyncGuard({ link, url: primary.url, mode: 'replicated', keys, log });
    mir.atClose(() => void guard.close());
  });

  const waitUntilConfirmed = (): Promise<void> =>
    waitUntil('writes are confirmed again', () => succeeds(guard.beforeWrite([])()));

  it.each([
    {
      state: 'is down',
      begin: () => replica.kill(),
      end: () => replica.restart().then(() => follow(replica, replication)),
    },
    { state: 'does not respond', begin: async () => replica.freeze(), end: async () => replica.thaw() },
    {
      state: 'has no append-only file',
      begin: () => onServer(replica, (redis) => redis.config('SET', 'appendonly', 'no')),
      end: () => onServer(replica, (redis) => redis.config('SET', 'appendonly', 'yes')),
    },
  ])('returns 503 while the replica $state, and stores the repeated events once', async ({ begin, end }) => {
    const expectedState = newExpectedState(await mir.partner());
    const events = someKeyedEvents(10, 2);
    await begin();
    const rejected = await mir.client.post('/v1/events', expectedState.partner.liveKey, { events });
    expect(rejected).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(rejected.body.detail).toContain('same idempotency keys');
    await end();
    await waitUntilConfirmed();
    expect(await submit(mir.client, expectedState, events)).toBe(202);
    await expectBalanced(mir, expectedState);
  });

  it('shares the next confirmation among all writes that arrive while it waits for the current one', async () => {
    const { queueLink } = mir.ctx;
    const countWaits = async (): Promise<number> =>
      Number(/cmdstat_waitaof:calls=(\d+)/.exec(await queueLink.client.info('commandstats'))?.[1] ?? 0);
    const before = await countWaits();
    // Keeps the first wait pending while the other writes arrive, one per event-loop turn.
    primary.freeze();
    const written: Promise<unknown>[] = [];
    for (let n = 0; n < TURNS; n += 1) {
      written.push(guard.beforeWrite([])());
      await nextTurn();
    }
    primary.thaw();
    await Promise.all(written);
    // Two confirmations. Each may ask the replica more than once.
    expect((await countWaits()) - before).toBeLessThan(TURNS / 5);
  });

  it('does not confirm a write if the server has been a replica since the write', async () => {
    const { queueLink } = mir.ctx;
    const confirm = guard.beforeWrite([]);
    await queueLink.client.set('written', '3');
    await onServer(primary, (server) =>
      server.multi().call('REPLICAOF', '127.0.0.1', '1').call('REPLICAOF', 'NO', 'ONE').exec(),
    );
    await expect(confirm()).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntilConfirmed();
  });

  it('does not confirm a write if the server has restarted since the write', async () => {
    const { queueLink } = mir.ctx;
    const confirm = guard.beforeWrite([]);
    await queueLink.client.set('written', '1');
    await primary.kill();
    await primary.restart();
    await waitUntil('the server is back', () => queueLink.runId() !== null);
    await expect(confirm()).rejects.toMatchObject({ code: 'OVERLOADED' });
    await waitUntilConfirmed();
  });
});
