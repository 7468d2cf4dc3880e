import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { tenantOf } from '../../../../shared/domain/ids';
import { hourOf } from '../../../../shared/domain/usage';
import { scripts } from '../../../../shared/redis/scripts';
import { anEvent, someEvents } from '../../../support/builders';
import { type Harness, startHarness } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { groupOf, totalUsage } from '../../../support/usage';
import { waitUntil } from '../../../support/wait-until';

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

const statuses = (counts: Partial<Record<'2xx' | '3xx' | '4xx' | '5xx', number>>) => ({
  '2xx': 0,
  '3xx': 0,
  '4xx': 0,
  '5xx': 0,
  ...counts,
});

describe('requests in GET /v1/usage', () => {
  it('are counted by group, status class and code, including rejected ones', async () => {
    const partner = await mir.partner({ limits: { eventsPerMinute: 10_000, requestsPerMinute: 8 } });
    const { liveKey } = partner;
    for (let n = 0; n < 3; n += 1) await mir.client.post('/v1/resolve', liveKey, { userExternalId: 'u' });
    expectProblem(await mir.client.post('/v1/resolve', liveKey, {}), 422, 'VALIDATION_FAILED');
    expectProblem(await mir.client.get('/v1/events/evt_none', liveKey), 404, 'NOT_FOUND');
    expectProblem(await mir.client.post('/v1/resolve', liveKey, '{'), 400, 'INVALID_JSON');
    await mir.client.post('/v1/events', liveKey, anEvent());
    const before = await totalUsage(mir, liveKey);
    expect(before.requests).toEqual([
      { group: 'events', total: 2, byStatusClass: statuses({ '2xx': 1, '4xx': 1 }), unfinished: 0 },
      { group: 'signals', total: 5, byStatusClass: statuses({ '2xx': 3, '4xx': 2 }), unfinished: 0 },
      // The request itself.
      { group: 'usage', total: 1, byStatusClass: statuses({}), unfinished: 1 },
    ]);
    expect(before.rejections).toEqual([
      { code: 'INVALID_JSON', status: 400, requests: 1 },
      { code: 'NOT_FOUND', status: 404, requests: 1 },
      { code: 'VALIDATION_FAILED', status: 422, requests: 1 },
    ]);
    await mir.client.get('/v1/events', liveKey);
    expectProblem(await mir.client.get('/v1/events', liveKey), 429, 'RATE_LIMITED');
  });

  it('are counted if the key is known, but not otherwise', async () => {
    const partner = await mir.partner();
    const { liveKey } = partner;
    const agent = await insertAgent(mir.ctx.store, partner);
    expectProblem(await mir.client.get('/v1/usage', agent.apiKey), 403, 'SCOPE_MISSING');
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const created = await mir.client.post('/v1/keys', liveKey, { name: 'k', scopes: ['events:read'], expiresAt });
    const { apiKey, keyId } = created.body;
    expect((await mir.client.get('/v1/events', apiKey)).status).toBe(200);
    await mir.ctx.store.partners.model.updateOne(
      { _id: partner.partnerId, 'keys.id': keyId },
      { $set: { 'keys.$.expiresAt': new Date(0) } },
    );
    const { hash } = parseApiKey(apiKey)!;
    await mir.ctx.queueLink.client.del(mir.ctx.keys.credential(partner.key.tag, hash));
    expectProblem(await mir.client.get('/v1/events', apiKey), 401, 'API_KEY_EXPIRED');
    expectProblem(await mir.client.get('/v1/events', newApiKey('live', partner.key.tag).key), 401, 'API_KEY_INVALID');
    const total = await totalUsage(mir, liveKey);
    const { rejections } = total;
    expect(rejections).toEqual([
      { code: 'API_KEY_EXPIRED', status: 401, requests: 1 },
      { code: 'SCOPE_MISSING', status: 403, requests: 1 },
    ]);
    expect(groupOf(total, 'events')).toMatchObject({ total: 2 });
    expect(groupOf(total, 'keys')).toMatchObject({ total: 1, unfinished: 0 });
  });

  it.each(['read from MongoDB', 'cached'])('count a revoked agent: %s', async (how) => {
    const partner = await mir.partner();
    const agent = await insertAgent(mir.ctx.store, partner);
    expect((await mir.client.post(`/v1/agents/${agent.agentId}/revoke`, partner.liveKey, {})).status).toBe(200);
    const send = async () => expectProblem(await mir.client.get('/v1/events', agent.apiKey), 401, 'AGENT_KEY_REVOKED');
    await send();
    if (how === 'cached') await send();
    const total = await totalUsage(mir, partner.liveKey);
    const { rejections } = total;
    expect(rejections).toEqual([{ code: 'AGENT_KEY_REVOKED', status: 401, requests: how === 'cached' ? 2 : 1 }]);
    expect(groupOf(total, 'events')).toMatchObject({ unfinished: 0 });
  });

  it('count requests that share a script call, and a charge in several calls once', async () => {
    const { liveKey } = await mir.partner();
    const ids = Array.from({ length: 20 }, (_, n) => `u-${n}`);
    const paths = ['/v1/audit', '/v1/audit/verify'];
    await Promise.all([
      ...ids.map((userExternalId) => mir.client.post('/v1/resolve', liveKey, { userExternalId })),
      ...ids.map(() => mir.client.get('/v1/events', liveKey)),
      ...paths.map((path) => mir.client.get(path, liveKey)),
      ...ids.map(() => mir.client.post('/v1/events', liveKey, anEvent())),
      mir.client.post('/v1/events', liveKey, { events: someEvents(5_000, { metadata: { text: 'x'.repeat(200) } }) }),
    ]);
    const total = await totalUsage(mir, liveKey);
    expect(groupOf(total, 'signals')).toMatchObject({ total: 20, unfinished: 0 });
    expect(groupOf(total, 'audit')).toMatchObject({ total: 2, unfinished: 0 });
    expect(groupOf(total, 'events')).toMatchObject({ total: 41, unfinished: 0 });
  });

  it('that entered and never finished are unfinished', async () => {
    const { liveKey, key } = await mir.partner();
    const lost = { group: 'events', entered: null, rejectedEvents: 0 };
    await mir.ctx.authorizer.authorize(key, 'requests', null, [], [lost]);
    // The request has entered already.
    await mir.ctx.authorizer.authorize(key, 'requests', null, [], [lost]);
    expect(groupOf(await totalUsage(mir, liveKey), 'events')).toEqual({
      group: 'events',
      total: 1,
      byStatusClass: statuses({}),
      unfinished: 1,
    });
  });

  it('are counted when the client disconnects before the response, once they are done', async () => {
    const { liveKey } = await mir.partner();
    const headers = { 'x-api-key': liveKey, 'content-type': 'application/json' };
    const sendAndLeave = (): Promise<void> =>
      new Promise((resolve) => {
        const req = request(`${mir.url}/v1/events`, { method: 'POST', headers, agent: false });
        req.on('error', () => undefined);
        req.on('close', () => resolve());
        req.end(JSON.stringify({ events: someEvents(1_000) }), () => setImmediate(() => req.destroy()));
      });
    const isCounted = async (): Promise<boolean> => {
      const group = groupOf(await totalUsage(mir, liveKey), 'events');
      return group !== undefined && group.byStatusClass['4xx'] > 0;
    };
    await waitUntil('a request is counted as 499', async () => {
      await sendAndLeave();
      return isCounted();
    });
    await mir.drained();
    await waitUntil('no request is unfinished', async () => {
      const group = groupOf(await totalUsage(mir, liveKey), 'events');
      return group?.unfinished === 0;
    });
    expect((await totalUsage(mir, liveKey)).rejections).toEqual([]);
  });

  it('are counted once when a batch of responses is sent again', async () => {
    const partner = await mir.partner();
    const tenant = tenantOf(partner.partnerId, 'live');
    const { keys, queueLink } = mir.ctx;
    const hour = hourOf(Date.now());
    const send = (batch: number) =>
      scripts.recordUsage(
        queueLink.client,
        [keys.usage(tenant, hour), keys.usage(tenant, 'hours')],
        [keys.usage(tenant, ''), hour, 'p-1', batch, 'in:events', 1, 'out:events:202:', 1],
      );
    expect([await send(1), await send(1), await send(2), await send(1)]).toEqual([1, 0, 1, 0]);
    expect(groupOf(await totalUsage(mir, partner.liveKey), 'events')).toMatchObject({ total: 2, unfinished: 0 });
  });
});
