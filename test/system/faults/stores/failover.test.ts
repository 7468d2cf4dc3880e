import { describe, expect, it } from '@jest/globals';
import { connectRedis } from '../../../../shared/redis/connect';
import type { RedisLink } from '../../../../shared/redis/link';
import { createLog } from '../../../../shared/log';
import { register } from '../../../support/agents';
import { asAdmin, statusWith } from '../../../support/partners';
import {
  submit,
  submitUntilAccepted,
  waitUntilDrained,
  newExpectedState,
  someEvents,
  someKeyedEvents,
} from '../../../support/expected-state';
import { expectFromCache } from '../../../support/resolve-user';
import {
  failOver,
  follow,
  FORMER_PRIMARIES,
  type FormerPrimary,
  onServer,
  runIdOf,
  SYNC_AT_ONCE,
} from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import { invite, linkUser, newPerson, unlinkUser } from '../../../support/link';
import type { OwnStore } from '../../../support/own-store';
import { tcpProxies } from '../../../support/tcp-proxy';
import { waitUntil } from '../../../support/wait-until';

const { ownRedis, serve } = faultEnvironment();
const proxy = tcpProxies();

/** Starts two servers behind one proxy. `failOver` and `failBack` resolve once the link, if any, has reconnected. */
async function startPair(formerPrimary: FormerPrimary) {
  const [first, second] = await Promise.all([ownRedis(SYNC_AT_ONCE), ownRedis(SYNC_AT_ONCE)]);
  if (formerPrimary === 'follows the new primary') await follow(second, first);
  const name = await proxy(first.url);
  const move = async (link: RedisLink | null, from: OwnStore, to: OwnStore): Promise<void> => {
    await failOver(name, from, to, formerPrimary);
    const runId = await runIdOf(to);
    if (link) await waitUntil('the link has reconnected', () => link.runId() === runId);
  };
  return {
    url: name.url,
    failOver: (link: RedisLink) => move(link, first, second),
    failBack: (link: RedisLink | null) => move(link, second, first),
  };
}

describe('a Redis failover', () => {
  it.each(FORMER_PRIMARIES)(
    'returns current signals after a failover of the cache and after the failback (former primary %s)',
    async (formerPrimary) => {
      const cache = await startPair(formerPrimary);
      const mir = await serve({ env: { CACHE_REDIS_URL: cache.url } });
      const { cacheLink } = mir.ctx;
      const expectedState = newExpectedState(await mir.partner());
      const addTen = async (): Promise<void> => {
        await submitUntilAccepted(mir.client, expectedState, someEvents(10, 1));
        await waitUntilDrained(mir);
      };
      await addTen();
      await expectFromCache(mir, expectedState.partner, 'u-0', { linked: false, eventCount: 10 });
      await cache.failOver(cacheLink);
      await addTen();
      await expectFromCache(mir, expectedState.partner, 'u-0', { linked: false, eventCount: 20 });
      await cache.failBack(cacheLink);
      await expectFromCache(mir, expectedState.partner, 'u-0', { linked: false, eventCount: 20 });
      await addTen();
      await expectFromCache(mir, expectedState.partner, 'u-0', { linked: false, eventCount: 30 });
    },
    60_000,
  );

  it.each(FORMER_PRIMARIES)(
    'does not restore a link that was removed during a failover of the cache (former primary %s)',
    async (formerPrimary) => {
      const cache = await startPair(formerPrimary);
      const mir = await serve({ env: { CACHE_REDIS_URL: cache.url } });
      const { cacheLink } = mir.ctx;
      const [partnerA, partnerB] = [await mir.partner(), await mir.partner()];
      for (const partner of [partnerA, partnerB])
        await submitUntilAccepted(mir.client, newExpectedState(partner), someEvents(5, 1));
      await waitUntilDrained(mir);
      const person = await newPerson(mir);
      const { userRef } = await invite(mir, partnerB, 'u-0');
      for (const partner of [partnerA, partnerB]) await linkUser(mir, partner, 'u-0', person);
      for (const partner of [partnerA, partnerB])
        await expectFromCache(mir, partner, 'u-0', { linked: true, eventCount: 10 });
      await cache.failOver(cacheLink);
      expect(await unlinkUser(mir, person, userRef)).toBe('done');
      await expectFromCache(mir, partnerB, 'u-0', { linked: false, eventCount: 5 });
      await cache.failBack(cacheLink);
      await expectFromCache(mir, partnerB, 'u-0', { linked: false, eventCount: 5 });
      await expectFromCache(mir, partnerA, 'u-0', { linked: true, eventCount: 5 });
    },
    60_000,
  );

  it.each(FORMER_PRIMARIES)(
    'rejects keys that were revoked during a failover of the queue Redis, even after the failback (former primary %s)',
    async (formerPrimary) => {
      const queue = await startPair(formerPrimary);
      const mir = await serve({ workers: false, env: { REDIS_URL: queue.url } });
      const { queueLink } = mir.ctx;
      const [suspended, rotated, bystander] = [await mir.partner(), await mir.partner(), await mir.partner()];
      const agent = await register(mir.client, bystander.liveKey);
      const keys = [suspended.liveKey, rotated.liveKey, agent.key, bystander.liveKey];
      const statuses = (): Promise<number[]> => Promise.all(keys.map((key) => statusWith(mir.client, key)));
      expect(await statuses()).toEqual([200, 200, 200, 200]);

      await queue.failOver(queueLink);
      const suspension = await asAdmin(mir.client, 'PATCH', `/partners/${suspended.partnerId}`, { suspended: true });
      expect(suspension.status).toBe(200);
      const rotation = await asAdmin(mir.client, 'POST', `/partners/${rotated.partnerId}/keys/rotate`, { env: 'live' });
      expect(rotation.status).toBe(200);
      const kill = await mir.client.post(`/v1/agents/${agent.id}/revoke-descendants`, bystander.liveKey, {});
      expect(kill.status).toBe(202);
      expect(await statuses()).toEqual([403, 401, 401, 200]);

      await queue.failBack(queueLink);
      expect(await statuses()).toEqual([403, 401, 401, 200]);
    },
    60_000,
  );

  it.each(FORMER_PRIMARIES.slice(0, 2))(
    'starts a new epoch after a failback, even if every process that saw the failover has exited (former primary %s)',
    async (formerPrimary) => {
      const queue = await startPair(formerPrimary);
      const role = { kind: 'request', timeoutMs: 5_000, epochKey: 'epoch' } as const;
      const withLink = async <T>(work: (link: RedisLink) => Promise<T>): Promise<T> => {
        const link = connectRedis(queue.url, role, createLog('silent', 'test'));
        try {
          await link.whenReady(10_000);
          return await work(link);
        } finally {
          await link.close();
        }
      };
      const idsOf = (link: RedisLink) => ({ runId: link.runId(), epoch: link.epoch() });
      const before = await withLink(async (link) => idsOf(link));
      await withLink((link) => queue.failOver(link));
      await queue.failBack(null);
      const after = await withLink(async (link) => idsOf(link));
      expect(after.runId).toBe(before.runId);
      expect(after.epoch).not.toBe(before.epoch);
    },
  );

  it('rejects events on a primary whose replicas have left it, keeps serving reads, and moves to the new primary', async () => {
    const [first, second] = await Promise.all([
      ownRedis([...SYNC_AT_ONCE, '--min-replicas-to-write', '1', '--min-replicas-max-lag', '1']),
      ownRedis(SYNC_AT_ONCE),
    ]);
    const [name, replication] = await Promise.all([proxy(first.url), proxy(first.url)]);
    await follow(second, replication);
    const mir = await serve({ env: { REDIS_URL: name.url } });
    const expectedState = newExpectedState(await mir.partner());
    await submitUntilAccepted(mir.client, expectedState, someKeyedEvents(10, 1));
    const rejected = someKeyedEvents(10, 1);
    replication.dropTraffic();
    await waitUntil('events are rejected', async () => (await submit(mir.client, expectedState, rejected)) === 503);
    expect((await mir.client.get('/v1/events', expectedState.partner.liveKey)).status).toBe(200);

    // The connections to the former primary stay open.
    name.moveTo(second.url);
    await onServer(second, (redis) => redis.call('REPLICAOF', 'NO', 'ONE'));
    await submitUntilAccepted(mir.client, expectedState, rejected);
    expect(mir.ctx.queueLink.runId()).toBe(await runIdOf(second));
  }, 60_000);
});
