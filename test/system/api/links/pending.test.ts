import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { confirmLink } from '../../../../api/links/confirm-link';
import { createApiContext } from '../../../../api/context';
import { removeAllLinks } from '../../../../api/links/remove-links';
import { type IdentityRef, identityRefOf, tenantOf, type UserRef } from '../../../../shared/domain/ids';
import { openRuntime } from '../../../../shared/runtime';
import { readConfig } from '../../../../shared/config/config';
import { anEvent } from '../../../support/builders';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { invite, linkUser, newPerson, auditContextForPerson, unlinkUser } from '../../../support/link';
import { type OwnStore, ownStores } from '../../../support/own-stores';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
// First of all ends, before its cache.
afterAll(() => mir.close());
const { ownRedis } = ownStores();
let cache: OwnStore;
let a: TestPartner;
let b: TestPartner;
beforeAll(async () => {
  cache = await ownRedis();
  mir = await startHarness({ env: { CACHE_REDIS_URL: cache.url, REDIS_TIMEOUT_MS: '450' } });
  [a, b] = [await mir.partner(), await mir.partner()];
  for (const { liveKey } of [a, b]) await mir.client.post('/v1/events', liveKey, anEvent());
  await mir.drained();
});

const linked = async (
  partner: TestPartner,
): Promise<{ linked: boolean; eventCount: number; source: string | null }> => {
  const { body, headers } = await mir.client.post('/v1/resolve', partner.liveKey, { userExternalId: 'u-1' });
  return { linked: body.linked, eventCount: body.eventCount, source: headers.get('x-signals-source') };
};

describe('linking while the cache is down', () => {
  it('while the cache is away a change of links says pending, and is in force for whoever reads the store', async () => {
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
    await waitUntil(
      'the sweep has told the cache',
      async () => (await mir.ctx.store.cacheOutbox.model.countDocuments()) === 0,
    );
    expect(await linked(b)).toEqual({ linked: true, eventCount: 2, source: 'cache' });

    await cache.stop();
    expect(await unlinkUser(mir, person, userRef)).toBe('pending');
    expect(await linked(b)).toEqual({ linked: false, eventCount: 1, source: 'store' });
    await cache.startAgain();
    await waitUntil(
      'the sweep has told the cache',
      async () => (await mir.ctx.store.cacheOutbox.model.countDocuments()) === 0,
    );
    expect(await linked(b)).toMatchObject({ linked: false, eventCount: 1 });
    expect(await linked(a)).toMatchObject({ linked: true, eventCount: 1 });
  });

  it('a process that dies between the commit and the cache leaves a note that another one follows', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, a, 'u-1', await newPerson(mir));
    const { store } = mir.ctx;
    const userRef = (await invite(mir, b, 'u-1')).userRef as UserRef;
    await linkUser(mir, b, 'u-1', person);
    expect((await linked(b)).linked).toBe(true);
    // What a commit leaves behind when nothing after it was done.
    await store.transaction(async (session) => {
      const tenant = tenantOf(b.partnerId, 'live');
      await store.users.change(tenant, userRef, { unset: ['identity', 'linkedAt'] }, session);
      await store.memberships.remove(identityRefOf(person, 'live'), userRef, session);
      const note = {
        _id: 'rfs_left',
        userRefs: [userRef],
        identities: [identityRefOf(person, 'live')],
        dueAt: new Date(),
      };
      await store.cacheOutbox.insert(note, session);
    }, 5_000);
    await waitUntil('the note is followed', async () => (await store.cacheOutbox.model.countDocuments()) === 0);
    expect(await linked(b)).toEqual({ linked: false, eventCount: 1, source: 'cache' });
  });

  it('a partner is told of a link only when every reader sees it', async () => {
    const queue = mir.ctx.queues.webhooks;
    const person = await newPerson(mir);
    const url = 'https://127.0.0.1:1/never-connected-to';
    await mir.client.request('PUT', '/v1/partners/webhook', { key: b.liveKey, body: { url } });
    const { request, userRef } = await invite(mir, b, 'u-told');
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
      // What waits for the sweep is there all the same.
      expect(await mir.ctx.store.deliveries.model.countDocuments({ status: 'OPEN', type: 'link.confirmed' })).toBe(1);
      await waitUntil('the cache is back', () => mir.ctx.cacheLink.runId() !== null);
      expect(await unlinkUser(mir, person, userRef)).toBe('done');
      await waitUntil('the worker is told', async () => (await queue.getWaitingCount()) === 1);
    } finally {
      await mir.startWorkers();
    }
  });

  it('of a deleted identity no row stays in the cache, also where the deletion could not reach it', async () => {
    const person = await newPerson(mir);
    await linkUser(mir, a, 'u-gone', person);
    await linkUser(mir, b, 'u-gone', person);
    const apart = await openRuntime(readConfig(mir.env), 'api');
    try {
      const ctx = await createApiContext(apart);
      expect(await mir.ctx.identityCache.get(`${person}:live` as IdentityRef)).not.toBeNull();
      apart.cacheLink.client.disconnect();
      expect(await removeAllLinks(ctx, person, auditContextForPerson(), () => Promise.resolve())).toBe('pending');
      await waitUntil('the note is followed', async () => (await ctx.store.cacheOutbox.model.countDocuments()) === 0);
      expect(await mir.ctx.identityCache.get(`${person}:live` as IdentityRef)).toBeNull();
    } finally {
      await apart.close();
    }
  });
});
