import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { auditContextForOperator } from '../../../../api/db/audit-context';
import { ADMIN_API } from '../../../../api/http/admin-token';
import { rotateKey } from '../../../../api/partners/rotate-keys';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { asAdmin, auditOf, startSecondApi, statusWith } from '../../../support/partners';

const CHANGES = 120;

let h: Harness;
let secondApi: Awaited<ReturnType<typeof startSecondApi>>;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  secondApi = await startSecondApi(h);
});
afterAll(async () => {
  await secondApi.close();
  await h.close();
});

const rotate = (partnerId: string, body: unknown = { env: 'live' }) =>
  asAdmin(h.client, 'POST', `/partners/${partnerId}/keys/rotate`, body);
const patch = (partnerId: string, body: unknown) => asAdmin(h.client, 'PATCH', `/partners/${partnerId}`, body);

describe('POST /admin/partners/:id/keys/rotate', () => {
  it('rejects a partner’s old key and accepts the new one on every process once rotation returns', async () => {
    const { partnerId, liveKey, testKey } = await h.partner();
    expect(await statusWith(h.client, liveKey)).toBe(200);
    expect(await statusWith(secondApi.client, liveKey)).toBe(200);
    const { status, body } = await rotate(partnerId, { env: 'live', reason: 'was in a log' });
    expect(status).toBe(200);
    expect(body).toEqual({ partnerId, env: 'live', apiKey: expect.stringMatching(/^mir_live_/) });
    for (const { client } of [h, secondApi]) {
      expect(await statusWith(client, liveKey)).toBe(401);
      expect(await statusWith(client, body.apiKey)).toBe(200);
      expect(await statusWith(client, testKey)).toBe(200);
    }
    const [entry] = await auditOf(h.ctx, partnerId);
    expect(entry).toMatchObject({ action: 'partner.key.rotated', partnerId, reason: 'was in a log' });
    const stored = (await h.ctx.store.partners.get(partnerId))!;
    for (const { hash } of stored.keys) expect(JSON.stringify(entry)).not.toContain(hash);
    expect(JSON.stringify(entry)).not.toContain(body.apiKey);
  });

  it('rejects a partner’s old key after rotation even while requests keep using it', async () => {
    const { partnerId, liveKey } = await h.partner();
    const rotated = { done: false };
    const useKey = async (client: typeof h.client): Promise<void> => {
      while (!rotated.done) await statusWith(client, liveKey);
    };
    const traffic = [useKey(h.client), useKey(secondApi.client)];
    const { body } = await rotate(partnerId);
    const after = await Promise.all(
      [h, secondApi].flatMap(({ client }) => Array.from({ length: 10 }, () => statusWith(client, liveKey))),
    );
    rotated.done = true;
    await Promise.all(traffic);
    expect(new Set(after)).toEqual(new Set([401]));
    expect(await statusWith(secondApi.client, body.apiKey)).toBe(200);
  });

  it('leaves one valid key after two concurrent rotations on different processes', async () => {
    const { partnerId, liveKey, testKey } = await h.partner();
    const responses = await Promise.all([
      rotate(partnerId),
      asAdmin(secondApi.client, 'POST', `/partners/${partnerId}/keys/rotate`, { env: 'live' }),
    ]);
    expect(responses.map(({ status }) => status)).toEqual([200, 200]);
    const valid: string[] = [];
    for (const key of [liveKey, ...responses.map(({ body }) => body.apiKey as string)]) {
      if ((await statusWith(h.client, key)) === 200) valid.push(key);
    }
    expect(valid).toHaveLength(1);
    const stored = (await h.ctx.store.partners.get(partnerId))!;
    expect(stored.keys.map(({ env }) => env).sort()).toEqual(['live', 'test']);
    expect(await statusWith(h.client, testKey)).toBe(200);
    expect(await auditOf(h.ctx, partnerId)).toHaveLength(2);
  });

  it('leaves one valid key per environment after many concurrent rotations', async () => {
    const { partnerId } = await h.partner();
    const rotations = Array.from({ length: 8 }, (_, n) =>
      rotateKey(
        h.ctx,
        partnerId,
        { env: n % 2 ? 'live' : 'test' },
        auditContextForOperator({ operator: ADMIN_API, requestId: `many-${n}` }),
      ),
    );
    const keys = (await Promise.all(rotations)).map(({ apiKey }) => apiKey);
    const statuses = await Promise.all(keys.map((key) => statusWith(secondApi.client, key)));
    const valid = keys.filter((_, n) => statuses[n] === 200).map((key) => key.slice(0, 8));
    expect(valid.sort()).toEqual(['mir_live', 'mir_test']);
    expect(await auditOf(h.ctx, partnerId)).toHaveLength(8);
  });

  it('returns 503 and keeps the old key when a rotation is requested while Redis is down', async () => {
    const disconnected = await startSecondApi(h);
    const { partnerId, liveKey } = await h.partner();
    disconnected.ctx.queueLink.client.disconnect();
    const rejected = await asAdmin(disconnected.client, 'POST', `/partners/${partnerId}/keys/rotate`, { env: 'live' });
    await disconnected.close();
    expect(rejected).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(await statusWith(h.client, liveKey)).toBe(200);
    expect(await auditOf(h.ctx, partnerId)).toEqual([]);
  });

  it('returns 404 for an unknown partner and 422 for an unknown environment', async () => {
    expect((await rotate('prt_none')).status).toBe(404);
    const { partnerId } = await h.partner();
    expect((await rotate(partnerId, { env: 'prod' })).status).toBe(422);
  });
});

describe('PATCH /admin/partners/:id', () => {
  it('rejects a suspended partner’s requests immediately on every process until the suspension is lifted', async () => {
    const { partnerId, liveKey, testKey } = await h.partner();
    for (const { client } of [h, secondApi]) expect(await statusWith(client, liveKey)).toBe(200);
    expect((await patch(partnerId, { suspended: true, reason: 'stolen' })).body.suspended).toBe(true);
    for (const { client } of [h, secondApi]) {
      for (const key of [liveKey, testKey]) {
        expect((await client.get('/events', key)).body).toMatchObject({ status: 403, code: 'PARTNER_SUSPENDED' });
      }
    }
    await patch(partnerId, { suspended: false });
    for (const { client } of [h, secondApi]) expect(await statusWith(client, liveKey)).toBe(200);
    const actions = (await auditOf(h.ctx, partnerId)).map(({ action, reason }) => [action, reason]);
    expect(actions).toEqual([
      ['partner.suspended', 'stolen'],
      ['partner.unsuspended', null],
    ]);
  });

  it('applies new limits to the next request', async () => {
    const { partnerId, liveKey } = await h.partner();
    await statusWith(secondApi.client, liveKey);
    const { body } = await patch(partnerId, { limits: { requestsPerMinute: 3 } });
    expect(body.limits).toEqual({ eventsPerMinute: 10_000_000, requestsPerMinute: 3, queueSharePercent: 25 });
    const response = await secondApi.client.get('/events', liveKey);
    expect(response.headers.get('ratelimit-policy')).toBe('"requests";q=3;w=60');
  });

  it('applies both of two concurrent changes to a partner', async () => {
    const { partnerId } = await h.partner();
    await Promise.all([patch(partnerId, { plan: 'STANDARD' }), patch(partnerId, { limits: { eventsPerMinute: 5 } })]);
    const { body } = await asAdmin(h.client, 'GET', `/partners/${partnerId}`);
    expect(body).toMatchObject({ plan: 'STANDARD', limits: { eventsPerMinute: 5 } });
  });

  it('applies many concurrent changes from two processes one after another without rejecting any', async () => {
    const { partnerId } = await h.partner();
    const patches = Array.from({ length: CHANGES }, (_, n) =>
      asAdmin((n % 2 ? h : secondApi).client, 'PATCH', `/partners/${partnerId}`, {
        limits: { eventsPerMinute: n + 1 },
      }),
    );
    const responses = await Promise.all(patches);
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    const changes = (await auditOf(h.ctx, partnerId)).map(({ before, after }) => ({ before, after }));
    expect(changes).toHaveLength(CHANGES);
    // Each change starts from the state that the previous change produced.
    changes.slice(1).forEach(({ before }, n) => expect(before).toEqual(changes[n]!.after));
  });

  it('audits the old and new values of a change, and does not write an entry when nothing changes', async () => {
    const { partnerId } = await h.partner();
    await patch(partnerId, { plan: 'STANDARD', allowedReturnOrigins: ['https://shop.example/'] });
    await patch(partnerId, { plan: 'STANDARD', allowedReturnOrigins: ['https://shop.example'] });
    expect(await auditOf(h.ctx, partnerId)).toMatchObject([
      {
        action: 'partner.updated',
        actor: { kind: 'OPERATOR', via: 'ADMIN_API' },
        before: { plan: 'ENTERPRISE', allowedReturnOrigins: [] },
        after: { plan: 'STANDARD', allowedReturnOrigins: ['https://shop.example'] },
      },
    ]);
  });

  it.each([{}, { reason: 'only a reason' }, { name: 'New name' }, { limits: {} }, { suspended: 'yes' }])(
    'returns 422 for the change %j',
    async (body) => {
      const { partnerId } = await h.partner();
      expect(await patch(partnerId, body)).toMatchObject({ status: 422, body: { code: 'VALIDATION_FAILED' } });
    },
  );

  it('returns a partner without its key hashes, and 404 for an unknown partner', async () => {
    const { partnerId } = await h.partner();
    const { body } = await asAdmin(h.client, 'GET', `/partners/${partnerId}`);
    expect(Object.keys(body.keys[0]).sort()).toEqual(['createdAt', 'env', 'expiresAt', 'keyId', 'name', 'prefix']);
    expect((await asAdmin(h.client, 'GET', '/partners/prt_none')).status).toBe(404);
  });
});
