import { beforeAll, describe, expect, it } from '@jest/globals';
import { confirmLink } from '../../../../api/links/confirm-link';
import { createApiContext } from '../../../../api/context';
import { removeAllLinks } from '../../../../api/links/remove-links';
import { type IdentityRef, identityRefOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { anEvent } from '../../../support/builders';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness, TestPartner } from '../../../support/harness';
import { invite, linkUser, newPerson, auditContextForPerson, unlinkUser } from '../../../support/link';
import type { OwnStore } from '../../../support/own-store';
import { resolveUser } from '../../../support/resolve-user';
import { waitUntil } from '../../../support/wait-until';

const { ownRedis, serve } = faultEnvironment();
let mir: Harness;
let cache: OwnStore;
let a: TestPartner;
let b: TestPartner;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await serve({ env: { CACHE_REDIS_URL: cache.url, REDIS_TIMEOUT_MS: '450' } });
  [a, b] = [await mir.partner(), await mir.partner()];
  for (const { liveKey } of [a, b]) await mir.client.post('/v1/events', liveKey, anEvent());
  await mir.drained();
});

const resolve = (partner: TestPartner) => resolveUser(mir, partner, 'u-1');
const waitForSweep = (): Promise<void> =>
  waitUntil('the sweep has updated the cache', async () => {
    return (await mir.ctx.store.cacheOutbox.model.countDocuments()) === 0;
  });

describe('linking while the cache is down', () => {
  it('reports a link change as pending while the cache is down, but applies it to signals from MongoDB', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, a, 'u-1', person);
    const { request, userRef } = await invite(mir, b, 'u-1');
    cache.freeze();
    try {
      const confirmed = await confirmLink(mir.ctx, request, person, auditContextForPerson());
      expect(confirmed).toEqual({ kind: 'LINKED', cacheState: 'pending' });
    } finally {
      cache.thaw();
    }
    await waitForSweep();
    expect(await resolve(b)).toEqual({ linked: true, eventCount: 2, source: 'cache' });

    await cache.stop();
    expect(await unlinkUser(mir, person, userRef)).toBe('pending');
    expect(await resolve(b)).toEqual({ linked: false, eventCount: 1, source: 'store' });
    await cache.restart();
    await waitForSweep();
    expect(await resolve(b)).toMatchObject({ linked: false, eventCount: 1 });
    expect(await resolve(a)).toMatchObject({ linked: true, eventCount: 1 });
  });

  it('updates the cache from the outbox if a process dies right after it commits a link change', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, a, 'u-1', await newPerson(mir));
    const { store } = mir.ctx;
    const userRef = (await invite(mir, b, 'u-1')).userRef as UserRef;
    await linkUser(mir, b, 'u-1', person);
    expect((await resolve(b)).linked).toBe(true);
    // Recreates the state between the commit and the cache update.
    await store.transaction(async (session) => {
      const tenant = tenantOf(b.partnerId, 'live');
      await store.users.change(tenant, userRef, { unset: ['identity', 'linkedAt'] }, session);
      await store.memberships.remove(identityRefOf(person, 'live'), userRef, session);
      const outboxEntry = {
        _id: 'rfs_1',
        userRefs: [userRef],
        identities: [identityRefOf(person, 'live')],
        dueAt: new Date(),
      };
      await store.cacheOutbox.insert(outboxEntry, session);
    }, 5_000);
    await waitForSweep();
    expect(await resolve(b)).toEqual({ linked: false, eventCount: 1, source: 'cache' });
  });

  it('does not send a webhook for a link before every reader can see the link', async () => {
    const queue = mir.ctx.queues.webhooks;
    const person = await newPerson(mir);
    const url = 'https://hooks.invalid/never-connected-to';
    await mir.client.request('PUT', '/v1/partners/webhook', { key: b.liveKey, body: { url } });
    const { request, userRef } = await invite(mir, b, 'u-webhook');
    await mir.stopWorkers();
    try {
      cache.freeze();
      try {
        const { cacheState } = (await confirmLink(mir.ctx, request, person, auditContextForPerson())) as {
          cacheState: string;
        };
        expect(cacheState).toBe('pending');
        expect(await queue.getJobCountByTypes('waiting', 'delayed', 'active', 'prioritized')).toBe(0);
      } finally {
        cache.thaw();
      }
      // The delivery exists, but the sweep has not queued it yet.
      expect(await mir.ctx.store.deliveries.model.countDocuments({ status: 'OPEN', type: 'link.confirmed' })).toBe(1);
      await waitUntil('the cache is back', () => mir.ctx.cacheLink.runId() !== null);
      expect(await unlinkUser(mir, person, userRef)).toBe('done');
      await waitUntil('the delivery is queued', async () => (await queue.getWaitingCount()) === 1);
    } finally {
      await mir.startWorkers();
    }
  });

  it('removes the cached row of a deleted identity, even if the cache was unreachable during the deletion', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, a, 'u-gone', person);
    await linkUser(mir, b, 'u-gone', person);
    const otherRuntime = await openRuntime(readConfig(mir.env), 'api');
    try {
      const ctx = await createApiContext(otherRuntime);
      expect(await mir.ctx.identityCache.get(`${person}:live` as IdentityRef)).not.toBeNull();
      otherRuntime.cacheLink.client.disconnect();
      expect(await removeAllLinks(ctx, person, auditContextForPerson(), () => Promise.resolve())).toBe('pending');
      await waitForSweep();
      expect(await mir.ctx.identityCache.get(`${person}:live` as IdentityRef)).toBeNull();
    } finally {
      await otherRuntime.close();
    }
  });
});
