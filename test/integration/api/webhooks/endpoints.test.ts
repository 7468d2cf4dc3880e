import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { MAX_WEBHOOKS_PER_TENANT } from '../../../../shared/domain/webhook';
import { register } from '../../../support/agents';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { rawCollection } from '../../../support/raw-collection';

const URL = 'https://harbour.example/hooks/mir';
const UNKNOWN = 'whk_00000000000000000000000000000000';

let mir: Harness;
let partner: TestPartner;
let other: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  other = await mir.partner();
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});

const send = (method: string, path: string, body?: unknown, key = partner.liveKey) =>
  mir.client.request(method, `/v1/webhooks${path}`, { key, ...(body === undefined ? {} : { body }) });
const create = async (body: object = { url: URL }, key = partner.liveKey) => {
  const response = await send('POST', '', body, key);
  expect(response.status).toBe(201);
  return response.body as { webhookId: string; secret: string; types: string[] | null };
};
const rows = () => mir.ctx.store.webhooks.ofTenant(tenantOf(partner.partnerId, 'live'));
const auditOf = async (action: string) =>
  (await mir.client.get(`/v1/audit?action=${action}`, partner.liveKey)).body.data as {
    after: object;
    target: string;
  }[];

describe('POST /v1/webhooks', () => {
  it('creates an endpoint for all types and shows its secret once', async () => {
    const { status, body, headers } = await send('POST', '', { url: URL });
    expect(status).toBe(201);
    expect(body).toEqual({
      webhookId: expect.stringMatching(/^whk_[0-9a-f]{32}$/),
      url: URL,
      types: null,
      enabled: true,
      disabledAt: null,
      disabledReason: null,
      failingSince: null,
      recovery: null,
      previousSecretsValidUntil: null,
      createdAt: expect.any(String),
      secret: expect.stringMatching(/^whsec_/),
    });
    expect(headers.get('location')).toBe(`/v1/webhooks/${body.webhookId}`);
    const { secret: _, ...shown } = body;
    expect((await send('GET', `/${body.webhookId}`)).body).toEqual(shown);
    expect(JSON.stringify(await rows())).not.toContain(body.secret.slice('whsec_'.length));
    expect(await auditOf('webhook.created')).toMatchObject([{ target: body.webhookId, after: { types: null } }]);
  });

  it('keeps each type once', async () => {
    expect((await create({ url: URL, types: ['key.revoked', 'key.revoked'] })).types).toEqual(['key.revoked']);
  });

  it('returns 422 for unknown and empty types, and for URLs that can never receive messages', async () => {
    expectProblem(await send('POST', '', { url: URL, types: ['link.unknown'] }), 422, 'VALIDATION_FAILED');
    expectProblem(await send('POST', '', { url: URL, types: [] }), 422, 'VALIDATION_FAILED');
    expectProblem(await send('POST', '', { url: 'https://127.0.0.1/' }), 422, 'WEBHOOK_URL_NOT_ALLOWED');
    expect(await rows()).toEqual([]);
  });

  it('returns 409 beyond the maximum, also for concurrent requests', async () => {
    await mir.client.request('PUT', '/v1/partners/webhook', { key: partner.liveKey, body: { url: URL } });
    const responses = await Promise.all(
      Array.from({ length: MAX_WEBHOOKS_PER_TENANT + 2 }, () => send('POST', '', { url: URL })),
    );
    expect(responses.filter(({ status }) => status === 201)).toHaveLength(MAX_WEBHOOKS_PER_TENANT - 1);
    for (const response of responses) if (response.status !== 201) expectProblem(response, 409, 'CONFLICT');
    expect(await rows()).toHaveLength(MAX_WEBHOOKS_PER_TENANT);
    await create({ url: URL }, partner.testKey);
  });

  it('returns 403 to agents', async () => {
    const agent = await register(mir.client, partner.liveKey);
    for (const [method, path] of [
      ['POST', ''],
      ['GET', ''],
      ['DELETE', `/${UNKNOWN}`],
    ] as const) {
      expectProblem(
        await send(method, path, method === 'POST' ? { url: URL } : undefined, agent.key),
        403,
        'SCOPE_MISSING',
      );
    }
  });
});

describe('an endpoint of another tenant', () => {
  it('returns the same 404 as an endpoint that does not exist', async () => {
    const { webhookId } = await create();
    const calls: [string, string, unknown?][] = [
      ['GET', ''],
      ['PATCH', '', { enabled: false }],
      ['DELETE', ''],
      ['GET', '/deliveries'],
      ['POST', '/deliveries/dlv_1/resend'],
      ['POST', '/test'],
      ['POST', '/rotate-secret'],
      ['POST', '/recover', { since: '2026-01-01T00:00:00Z' }],
    ];
    for (const key of [other.liveKey, partner.testKey]) {
      for (const [method, path, body] of calls) {
        const foreign = await send(method, `/${webhookId}${path}`, body, key);
        const unknown = await send(method, `/${UNKNOWN}${path}`, body, key);
        expect([method, path, foreign.status, foreign.body.detail]).toEqual([method, path, 404, unknown.body.detail]);
      }
    }
    expect((await send('GET', `/${webhookId}`)).body.enabled).toBe(true);
    expect((await send('GET', '', undefined, other.liveKey)).body.data).toEqual([]);
  });
});

describe('PATCH /v1/webhooks/:id', () => {
  it('changes the URL and the types', async () => {
    const { webhookId } = await create({ url: URL, types: ['key.revoked'] });
    const changed = await send('PATCH', `/${webhookId}`, { url: `${URL}/2`, types: ['link.removed'] });
    expect(changed.body).toMatchObject({ url: `${URL}/2`, types: ['link.removed'], enabled: true });
    expect((await send('PATCH', `/${webhookId}`, { types: null })).body).toMatchObject({
      url: `${URL}/2`,
      types: null,
    });
    expect(await auditOf('webhook.updated')).toHaveLength(2);
  });

  it('disables and enables an endpoint', async () => {
    const { webhookId } = await create();
    const disabled = await send('PATCH', `/${webhookId}`, { enabled: false });
    expect(disabled.body).toMatchObject({
      enabled: false,
      disabledReason: 'REQUESTED',
      disabledAt: expect.any(String),
    });
    const again = await send('PATCH', `/${webhookId}`, { enabled: false });
    expect(again.body.disabledAt).toBe(disabled.body.disabledAt);
    const enabled = await send('PATCH', `/${webhookId}`, { enabled: true });
    expect(enabled.body).toMatchObject({ enabled: true, disabledReason: null, disabledAt: null });
  });

  it('returns 422 for an empty body, unknown fields and private addresses', async () => {
    const { webhookId } = await create();
    expectProblem(await send('PATCH', `/${webhookId}`, {}), 422, 'VALIDATION_FAILED');
    expectProblem(await send('PATCH', `/${webhookId}`, { secret: 'x' }), 422, 'VALIDATION_FAILED');
    expectProblem(await send('PATCH', `/${webhookId}`, { url: 'https://10.0.0.1/' }), 422, 'WEBHOOK_URL_NOT_ALLOWED');
  });
});

describe('DELETE /v1/webhooks/:id', () => {
  it('deletes an endpoint with its undelivered messages, and leaves the others', async () => {
    const [first, second] = [await create(), await create()];
    for (const { webhookId } of [first, second]) await send('POST', `/${webhookId}/test`);
    expect((await send('DELETE', `/${first.webhookId}`)).body).toEqual({ deleted: true });
    expectProblem(await send('GET', `/${first.webhookId}`), 404, 'NOT_FOUND');
    const left = await mir.ctx.store.deliveries.model.find({ tenant: tenantOf(partner.partnerId, 'live') }).lean();
    expect(left.map(({ endpointId }) => endpointId)).toEqual([second.webhookId]);
    expectProblem(await send('DELETE', `/${first.webhookId}`), 404, 'NOT_FOUND');
  });
});

describe('POST /v1/webhooks/:id/rotate-secret', () => {
  it('keeps the previous secret for the overlap, by default for a day', async () => {
    const { webhookId, secret } = await create();
    const before = Date.now();
    const rotated = await send('POST', `/${webhookId}/rotate-secret`);
    expect(rotated.status).toBe(200);
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(secret);
    const untilMs = Date.parse(rotated.body.previousSecretsValidUntil) - before;
    expect(Math.round(untilMs / 60_000)).toBe(24 * 60);
    const ended = await send('POST', `/${webhookId}/rotate-secret`, { overlapSeconds: 0 });
    expect(ended.body.previousSecretsValidUntil).toBeNull();
    expect((await rows())[0]!.previousSecrets).toEqual([]);
  });

  it('returns 422 for an overlap of more than a week', async () => {
    const { webhookId } = await create();
    const tooLong = await send('POST', `/${webhookId}/rotate-secret`, { overlapSeconds: 7 * 86_400 + 1 });
    expectProblem(tooLong, 422, 'VALIDATION_FAILED');
  });
});

describe('a disabled endpoint', () => {
  it('returns 409 for a test message and for a recovery', async () => {
    const { webhookId } = await create();
    await send('PATCH', `/${webhookId}`, { enabled: false });
    expectProblem(await send('POST', `/${webhookId}/test`), 409, 'CONFLICT');
    expectProblem(await send('POST', `/${webhookId}/recover`, { since: '2026-01-01T00:00:00Z' }), 409, 'CONFLICT');
  });
});

describe('POST /v1/webhooks/:id/recover', () => {
  it('returns 422 for a time in the future or none', async () => {
    const { webhookId } = await create();
    const since = new Date(Date.now() + 60_000).toISOString();
    expectProblem(await send('POST', `/${webhookId}/recover`, { since }), 422, 'VALIDATION_FAILED');
    expectProblem(await send('POST', `/${webhookId}/recover`, {}), 422, 'VALIDATION_FAILED');
    expect((await rows())[0]!.recovery).toBeUndefined();
  });

  it('extends a recovery that has not finished', async () => {
    const { webhookId } = await create();
    const recover = async (since: string) => (await send('POST', `/${webhookId}/recover`, { since })).body.recovery;
    await recover('2026-03-01T00:00:00Z');
    expect(await recover('2026-04-01T00:00:00Z')).toMatchObject({ since: '2026-03-01T00:00:00.000Z' });
    expect(await recover('2026-02-01T00:00:00+01:00')).toMatchObject({ since: '2026-01-31T23:00:00.000Z' });
  });
});

describe('/v1/partners/webhook', () => {
  const alias = (method: string, body?: unknown) =>
    mir.client.request(method, '/v1/partners/webhook', { key: partner.liveKey, ...(body ? { body } : {}) });

  it('changes the first endpoint and keeps its types', async () => {
    const first = await create({ url: URL, types: ['key.revoked'] });
    await create();
    expect((await alias('GET')).body).toEqual({ url: URL, createdAt: expect.any(String) });
    await send('PATCH', `/${first.webhookId}`, { enabled: false });
    const set = await alias('PUT', { url: `${URL}/new` });
    expect(set.body).toEqual({ url: `${URL}/new`, createdAt: expect.any(String), secret: expect.any(String) });
    const { data } = (await send('GET', '')).body;
    expect(data).toHaveLength(2);
    const { secret: _, ...shown } = first;
    expect(data[0]).toEqual({ ...shown, url: `${URL}/new`, enabled: true });
    expect((await alias('DELETE')).body).toEqual({ removed: true });
    expect((await send('GET', '')).body.data).toHaveLength(1);
  });

  it('creates an endpoint for link messages, whose types can be changed', async () => {
    await alias('PUT', { url: URL });
    const [{ webhookId, types }] = (await send('GET', '')).body.data;
    expect(types).toEqual(['link.confirmed', 'link.removed']);
    await create();
    await send('PATCH', `/${webhookId}`, { types: null });
    await alias('PUT', { url: `${URL}/new` });
    expect((await send('GET', `/${webhookId}`)).body).toMatchObject({ url: `${URL}/new`, types: null });
  });

  it('serves an endpoint from an earlier version', async () => {
    const tenant = tenantOf(partner.partnerId, 'live');
    await rawCollection(mir.ctx.store.webhooks.model).insertOne({
      _id: tenant,
      url: URL,
      sealedSecret: 'sealed',
      createdAt: new Date('2026-01-01T00:00:00Z'),
    });
    expect((await alias('GET')).body).toEqual({ url: URL, createdAt: '2026-01-01T00:00:00.000Z' });
    const [{ webhookId, types }] = (await send('GET', '')).body.data;
    expect(types).toEqual(['link.confirmed', 'link.removed']);
    expect((await send('PATCH', `/${webhookId}`, { enabled: false })).body.enabled).toBe(false);
    expect((await create()).webhookId).not.toBe(webhookId);
    expect((await send('DELETE', `/${webhookId}`)).status).toBe(200);
    expect((await send('GET', '')).body.data).toHaveLength(1);
  });
});
