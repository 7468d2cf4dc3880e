import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { KEY_SCOPES } from '../../../../shared/domain/scopes';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { errorsOf, expectProblem } from '../../../support/problems';
import { waitUntil } from '../../../support/wait-until';

const HOUR_MS = 3_600_000;
const INHERITED = KEY_SCOPES.filter((scope) => scope !== 'keys:manage' && scope !== 'agents:approve');

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
afterAll(() => mir.close());
beforeEach(async () => {
  partner = await mir.partner();
});

const create = (body: object, key = partner.liveKey): Promise<TestResponse> => mir.client.post('/v1/keys', key, body);
async function created(body: object = {}, key = partner.liveKey): Promise<{ keyId: string; apiKey: string }> {
  const { status, body: made } = await create({ name: 'A service', ...body }, key);
  expect(status).toBe(201);
  return made;
}
const list = async (key = partner.liveKey): Promise<{ keyId: string }[]> =>
  (await mir.client.get('/v1/keys', key)).body.data;
const statusWith = async (key: string): Promise<number> => (await mir.client.get('/v1/events', key)).status;
const inHours = (hours: number): string => new Date(Date.now() + hours * HOUR_MS).toISOString();

describe('GET /v1/keys', () => {
  it('lists the keys of the environment without secrets or hashes', async () => {
    await created({ name: 'Checkout', scopes: ['events:write'] });
    const { body } = await mir.client.get('/v1/keys', partner.liveKey);
    expect(body).toMatchObject({
      data: [
        { name: null, environment: 'live', createdBy: null, expiresAt: null, scopes: KEY_SCOPES },
        { name: 'Checkout', environment: 'live', scopes: ['events:write'], allowedIps: null, previous: [] },
      ],
      nextCursor: null,
    });
    expect(body.data[1].createdBy).toBe(body.data[0].keyId);
    expect(JSON.stringify(body)).not.toContain(partner.key.hash.slice(0, 16));
    expect(await list(partner.testKey)).toHaveLength(1);
  });

  it('shows when a key was last used', async () => {
    const { keyId, apiKey } = await created();
    expect(await statusWith(apiKey)).toBe(200);
    await mir.ctx.keyUses.flush();
    const { body } = await mir.client.get(`/v1/keys/${keyId}`, partner.liveKey);
    expect(Math.abs(Date.now() - Date.parse(body.lastUsedAt))).toBeLessThan(60_000);
  });

  it('returns the same 404 for a key of another partner, of the other environment, and an unknown ID', async () => {
    const other = await mir.partner();
    const { keyId } = await created({}, other.liveKey);
    const { keyId: ofTest } = await created({}, partner.testKey);
    for (const id of [keyId, ofTest, 'key_unknown']) {
      for (const [method, path] of [
        ['GET', ''],
        ['POST', '/rotate'],
        ['POST', '/revoke'],
      ] as const) {
        const response = await mir.client.request(method, `/v1/keys/${id}${path}`, { key: partner.liveKey });
        expectProblem(response, 404, 'NOT_FOUND');
      }
    }
  });
});

describe('POST /v1/keys', () => {
  it('creates a key with the creator’s rights, except the scopes that must be named', async () => {
    const { apiKey, keyId } = await created();
    expect(apiKey).toMatch(/^mir_live_/);
    const { body } = await mir.client.get(`/v1/keys/${keyId}`, partner.liveKey);
    expect(body.scopes).toEqual(INHERITED);
    expectProblem(await mir.client.get('/v1/keys', apiKey), 403, 'SCOPE_MISSING');
    expect(await statusWith(apiKey)).toBe(200);
  });

  it('lists every right that the creator does not have', async () => {
    const limits = { allowedEventTypes: ['mir.transaction.*'], allowedIps: ['10.0.0.0/8'], expiresAt: inHours(1) };
    const { apiKey } = await created({ scopes: ['keys:manage', 'events:write'], ...limits });
    const beyond = {
      name: 'Too much',
      scopes: ['events:write', 'audit:read'],
      allowedEventTypes: ['mir.transaction.completed', 'mir.review.posted'],
      allowedIps: ['10.1.0.0/16', '192.0.2.1'],
      expiresAt: inHours(2),
    };
    const headers = { 'x-forwarded-for': '10.2.3.4' };
    const response = await mir.client.post('/v1/keys', apiKey, beyond, headers);
    expectProblem(response, 403, 'ESCALATION_DENIED');
    expect(errorsOf(response)).toEqual(
      ['scopes', 'allowedEventTypes', 'allowedIps', 'expiresAt'].map((path) => `${path} ESCALATION`),
    );
    const within = await mir.client.post('/v1/keys', apiKey, { name: 'Less', scopes: ['events:write'] }, headers);
    expect(within.body).toMatchObject({
      ...limits,
      allowedIps: ['10.0.0.0/8'],
      scopes: ['events:write'],
    });
  });

  it('reports all problems of the input together', async () => {
    const response = await create({
      name: ' ',
      scopes: ['events:delete'],
      allowedEventTypes: ['mir.transaction.complete', 'everything'],
      allowedIps: ['10.1', '300.0.0.1/8', '::/129'],
      expiresAt: 'tomorrow',
      secret: 'x',
    });
    expectProblem(response, 422, 'VALIDATION_FAILED');
    const paths = errorsOf(response).map((error) => error.split(' ')[0]);
    expect(new Set(paths)).toEqual(
      new Set([
        'name',
        'scopes.0',
        'allowedEventTypes.0',
        'allowedEventTypes.1',
        'allowedIps.0',
        'allowedIps.1',
        'allowedIps.2',
        'expiresAt',
        'secret',
      ]),
    );
    expectProblem(await create({ name: 'Old', expiresAt: inHours(-1) }), 422, 'VALIDATION_FAILED');
    expect(await list()).toHaveLength(1);
  });

  it('returns 409 at the limit of keys, counting neither the other environment nor revoked keys', async () => {
    const { keys } = (await mir.ctx.store.partners.get(partner.partnerId))!;
    const many = Array.from({ length: 49 }, (_, n) => ({
      ...keys[0]!,
      id: `key_${n}`,
      hash: `h${n}-${partner.partnerId}`,
    }));
    await mir.ctx.store.partners.model.updateOne({ _id: partner.partnerId }, { $push: { keys: { $each: many } } });
    expectProblem(await create({ name: 'One more' }), 409, 'CONFLICT');
    expect((await mir.client.post('/v1/keys/key_1/revoke', partner.liveKey, {})).status).toBe(200);
    expect((await create({ name: 'One more' })).status).toBe(201);
    expect((await create({ name: 'Another' }, partner.testKey)).status).toBe(201);
  });

  it('records the creation under the key that made it', async () => {
    const { keyId } = await created({ name: 'Audited' });
    const entry = await mir.ctx.store.audit.model.findOne({ target: keyId }).lean();
    const [first] = await list();
    expect(entry).toMatchObject({
      action: 'key.created',
      chain: tenantOf(partner.partnerId, 'live'),
      actor: { kind: 'PARTNER', partnerId: partner.partnerId, keyId: first!.keyId },
      after: { keyId, name: 'Audited' },
    });
  });
});

describe('a restricted key', () => {
  it('has only its scopes, whatever kind of route needs them', async () => {
    const { apiKey } = await created({ scopes: ['agents:manage-all', 'events:write'] });
    const statuses = async (paths: string[]): Promise<number[]> =>
      Promise.all(paths.map(async (path) => (await mir.client.get(path, apiKey)).status));
    expect(await statuses(['/v1/agents', '/v1/agents/policy', '/v1/agents/tree'])).toEqual([200, 200, 200]);
    const others = ['/v1/agents/approvals', '/v1/audit', '/v1/events', '/v1/partners/webhook', '/v1/keys'];
    expect(await statuses(others)).toEqual(others.map(() => 403));
    expect((await mir.client.post('/v1/events', apiKey, anEvent())).status).toBe(202);
  });

  it('submits only its event types, as single events and in batches', async () => {
    const { apiKey } = await created({ allowedEventTypes: ['mir.transaction.*'] });
    const [good, bad] = [anEvent(), anEvent({ eventType: 'mir.review.posted' })];
    expect(good.eventType).toBe('mir.transaction.completed');
    expect((await mir.client.post('/v1/events', apiKey, good)).status).toBe(202);
    expectProblem(await mir.client.post('/v1/events', apiKey, bad), 403, 'EVENT_TYPE_NOT_ALLOWED');
    const batch = await mir.client.post('/v1/events', apiKey, { events: [good, bad] });
    expect(batch.body).toMatchObject({
      accepted: 1,
      rejected: 1,
      errors: [{ index: 1, code: 'EVENT_TYPE_NOT_ALLOWED' }],
    });
    const open = mir.ctx.keys.openChunks(tenantOf(partner.partnerId, 'live'));
    const countOpen = (): Promise<number> => mir.ctx.queueLink.client.zcard(open);
    await waitUntil('only the chunks of the two accepted events are open', async () => (await countOpen()) === 2);
  });

  it('works only from its addresses, for every kind of request', async () => {
    const { apiKey } = await created({ allowedIps: ['203.0.113.0/24', '2001:db8::/32'] });
    const from = (ip: string) => ({ 'x-forwarded-for': ip });
    const send = async (ip: string): Promise<number[]> => {
      const big = { events: Array.from({ length: 100 }, () => anEvent({ metadata: { note: 'x'.repeat(500) } })) };
      const responses = await Promise.all([
        mir.client.request('GET', '/v1/events', { key: apiKey, headers: from(ip) }),
        mir.client.post('/v1/resolve', apiKey, { userExternalId: 'u' }, from(ip)),
        mir.client.post('/v1/events', apiKey, anEvent(), from(ip)),
        mir.client.post('/v1/events', apiKey, { events: [anEvent(), anEvent()] }, from(ip)),
        mir.client.post('/v1/events', apiKey, big, from(ip)),
      ]);
      return responses.map(({ status }) => status);
    };
    for (const ip of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8:1::1']) {
      expect(await send(ip)).toEqual([200, 200, 202, 202, 202]);
    }
    for (const ip of ['203.0.114.7', '2001:db9::1', '::1']) expect(await send(ip)).toEqual([403, 403, 403, 403, 403]);
    expectProblem(
      await mir.client.request('GET', '/v1/events', { key: apiKey, headers: from('198.51.100.1') }),
      403,
      'IP_NOT_ALLOWED',
    );
  });

  it('decides about each request if requests from several addresses share a round trip', async () => {
    const { apiKey } = await created({ allowedIps: ['203.0.113.7'] });
    const ips = ['203.0.113.7', '203.0.113.8', '203.0.113.7', '203.0.113.9'];
    const post = (ip: string) => mir.client.post('/v1/events', apiKey, anEvent(), { 'x-forwarded-for': ip });
    expect((await Promise.all(ips.map(post))).map(({ status }) => status)).toEqual([202, 403, 202, 403]);
  });

  it('is rejected once it has expired, without waiting for anything', async () => {
    const { apiKey, keyId } = await created({ expiresAt: inHours(1) });
    expect(await statusWith(apiKey)).toBe(200);
    const { queueLink, keys } = mir.ctx;
    const clock = keys.clock(partner.key.tag);
    const later = Date.now() + 2 * HOUR_MS;
    await queueLink.client.set(clock, `${later} ${Date.now()}`);
    expectProblem(await mir.client.get('/v1/events', apiKey), 401, 'API_KEY_EXPIRED');
    expectProblem(await mir.client.post('/v1/events', apiKey, anEvent()), 401, 'API_KEY_EXPIRED');
    expect((await mir.client.get(`/v1/keys/${keyId}`, partner.liveKey)).status).toBe(200);
  });
});

describe('GET /v1/partners/me', () => {
  it('returns the plan and limits, but no contact data', async () => {
    const { body } = await mir.client.get('/v1/partners/me', partner.testKey);
    expect(body).toMatchObject({
      partnerId: partner.partnerId,
      environment: 'test',
      plan: 'ENTERPRISE',
      suspended: false,
      operator: { name: null, contact: null, privacyUrl: null, termsUrl: null },
    });
    expect(body).not.toHaveProperty('contactEmail');
  });
});
