import { describe, expect, it } from '@jest/globals';
import { connectRedis, type RedisLink } from '../../../../shared/redis/connect';
import { createLog } from '../../../../shared/log';
import { register } from '../../../support/agents';
import { asAdmin, statusWith } from '../../../support/partners';
import { accepted, drainedAtLast, newExpectedState, someEvents } from '../../../support/expected-state';
import {
  failOver,
  follow,
  FORMER_PRIMARIES,
  type FormerPrimary,
  runIdOf,
  SYNC_AT_ONCE,
} from '../../../support/failover';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness, TestPartner } from '../../../support/harness';
import { invite, linkUser, newPerson, unlinkUser } from '../../../support/link';
import type { OwnStore } from '../../../support/own-stores';
import { tcpProxies } from '../../../support/tcp-proxy';
import { waitUntil } from '../../../support/wait-until';

const { ownRedis, serve } = faultEnvironment();
const proxy = tcpProxies();

/** Two servers behind one name. A move ends when `link`, if there is one, has moved. */
async function aPair(fate: FormerPrimary) {
  const [first, second] = await Promise.all([ownRedis(SYNC_AT_ONCE), ownRedis(SYNC_AT_ONCE)]);
  if (fate === 'follows the new primary') await follow(second, first);
  const name = await proxy(first.url);
  const move = async (link: RedisLink | null, from: OwnStore, to: OwnStore): Promise<void> => {
    await failOver(name, from, to, fate);
    const runId = await runIdOf(to);
    if (link) await waitUntil('the link has moved', () => link.runId() === runId);
  };
  return {
    url: name.url,
    failOver: (link: RedisLink) => move(link, first, second),
    failBack: (link: RedisLink | null) => move(link, second, first),
  };
}

async function resolved(mir: Harness, partner: TestPartner, userExternalId: string) {
  const { status, headers, body } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId });
  expect(status).toBe(200);
  const { linked, eventCount } = body as { linked: boolean; eventCount: number };
  return { linked, eventCount, source: headers.get('x-signals-source') };
}

/** Resolves until the response comes from the cache; every response must be right. */
async function expectFromCache(
  mir: Harness,
  partner: TestPartner,
  user: string,
  expected: { linked: boolean; eventCount: number },
): Promise<void> {
  await waitUntil('signals come from the cache', async () => {
    const { source, ...signals } = await resolved(mir, partner, user);
    expect(signals).toEqual(expected);
    return source === 'cache';
  });
}

describe('failover of Redis', () => {
  it.each(FORMER_PRIMARIES)(
    '/resolve returns what was stored during a failover of the cache after the failback (the former primary %s)',
    async (fate) => {
      const cache = await aPair(fate);
      const mir = await serve({ env: { CACHE_REDIS_URL: cache.url } });
      const { cacheLink } = mir.ctx;
      const expectedState = newExpectedState(await mir.partner());
      const addTen = async (): Promise<void> => {
        await accepted(mir.client, expectedState, someEvents(10, 1));
        await drainedAtLast(mir);
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
    'an account disconnected during a failover of the cache stays disconnected after the failback (the former primary %s)',
    async (fate) => {
      const cache = await aPair(fate);
      const mir = await serve({ env: { CACHE_REDIS_URL: cache.url } });
      const { cacheLink } = mir.ctx;
      const [one, other] = [await mir.partner(), await mir.partner()];
      for (const partner of [one, other]) await accepted(mir.client, newExpectedState(partner), someEvents(5, 1));
      await drainedAtLast(mir);
      const person = await newPerson(mir);
      const { userRef } = await invite(mir, other, 'u-0');
      for (const partner of [one, other]) await linkUser(mir, partner, 'u-0', person);
      for (const partner of [one, other]) await expectFromCache(mir, partner, 'u-0', { linked: true, eventCount: 10 });
      await cache.failOver(cacheLink);
      expect(await unlinkUser(mir, person, userRef)).toBe('done');
      await expectFromCache(mir, other, 'u-0', { linked: false, eventCount: 5 });
      await cache.failBack(cacheLink);
      await expectFromCache(mir, other, 'u-0', { linked: false, eventCount: 5 });
      await expectFromCache(mir, one, 'u-0', { linked: true, eventCount: 5 });
    },
    60_000,
  );

  it.each(FORMER_PRIMARIES)(
    'keys revoked during a failover of the queue store are rejected after the failback (the former primary %s)',
    async (fate) => {
      const queue = await aPair(fate);
      const mir = await serve({ workers: false, env: { REDIS_URL: queue.url } });
      const { queueLink } = mir.ctx;
      const [suspended, rotated, bystander] = [await mir.partner(), await mir.partner(), await mir.partner()];
      const agent = await register(mir.client, bystander.liveKey);
      const keys = [suspended.liveKey, rotated.liveKey, agent.key, bystander.liveKey];
      const statuses = (): Promise<number[]> => Promise.all(keys.map((key) => statusWith(mir.client, key)));
      expect(await statuses()).toEqual([200, 200, 200, 200]);

      await queue.failOver(queueLink);
      const suspending = await asAdmin(mir.client, 'PATCH', `/partners/${suspended.partnerId}`, { suspended: true });
      expect(suspending.status).toBe(200);
      const rotating = await asAdmin(mir.client, 'POST', `/partners/${rotated.partnerId}/keys/rotate`, { env: 'live' });
      expect(rotating.status).toBe(200);
      const killing = await mir.client.post(`/v1/agents/${agent.id}/revoke-descendants`, bystander.liveKey, {});
      expect(killing.status).toBe(202);
      expect(await statuses()).toEqual([403, 401, 401, 200]);

      await queue.failBack(queueLink);
      expect(await statuses()).toEqual([403, 401, 401, 200]);
    },
    60_000,
  );

  it.each(FORMER_PRIMARIES.slice(0, 2))(
    'a process that starts after a failback uses a new epoch, though none is left that saw the failover (the former primary %s)',
    async (fate) => {
      const queue = await aPair(fate);
      const role = { kind: 'request', timeoutMs: 5_000, epochKey: 'epoch' } as const;
      const linkWhile = async <T>(work: (link: RedisLink) => Promise<T>): Promise<T> => {
        const link = connectRedis(queue.url, role, createLog('silent', 'test'));
        try {
          await link.whenReady(10_000);
          return await work(link);
        } finally {
          await link.close();
        }
      };
      const factsOf = (link: RedisLink) => ({ runId: link.runId(), epoch: link.epoch() });
      const before = await linkWhile(async (link) => factsOf(link));
      await linkWhile((link) => queue.failOver(link));
      await queue.failBack(null);
      const after = await linkWhile(async (link) => factsOf(link));
      expect(after.runId).toBe(before.runId);
      expect(after.epoch).not.toBe(before.epoch);
    },
  );
});
