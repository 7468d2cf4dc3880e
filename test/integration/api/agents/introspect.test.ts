import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MAX_UNKNOWN_KEYS_PER_ADDRESS } from '../../../../shared/authz/key-lookups';
import { newApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { newPartnerTag, tenantOf } from '../../../../shared/domain/ids';
import { anAgent, register, spawn } from '../../../support/agents';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { asAdmin } from '../../../support/partners';
import { errorsOf, expectProblem } from '../../../support/problems';
import { PER_MINUTE, spentBy } from '../../../support/spent-by';
import { startTwoApis, type TwoApis } from './two-apis';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const INACTIVE = { active: false };

let apis: TwoApis;
let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, partner } = apis);
});
afterAll(() => apis.close());

const introspect = (token: unknown, key = partner.liveKey, client = h.client): Promise<TestResponse> =>
  client.post('/v1/introspect', key, { token });

/** Expects the exact response for a token that is not active. */
async function expectInactive(token: string, key = partner.liveKey): Promise<void> {
  const response = await introspect(token, key);
  expect([response.status, response.body]).toEqual([200, INACTIVE]);
  expect(response.headers.get('cache-control')).toBe('no-store');
}

describe('POST /v1/introspect', () => {
  it('returns what an active agent may do, according to its whole path', async () => {
    const root = await register(h.client, partner.liveKey, {
      allowedEventTypes: ['mir.transaction.*', 'mir.review.*'],
    });
    const child = await spawn(h.client, partner.liveKey, root.id, {
      preset: 'STANDARD',
      allowedEventTypes: ['mir.transaction.completed', 'mir.review.posted'],
    });
    const narrowed = { key: partner.liveKey, body: { allowedEventTypes: ['mir.transaction.*'] } };
    expect((await h.client.request('PATCH', `/v1/agents/${root.id}`, narrowed)).status).toBe(200);
    const response = await introspect(child.key);
    expect([response.status, response.body]).toEqual([
      200,
      {
        active: true,
        scope: 'events:write events:read resolve:read',
        client_id: child.id,
        agentId: child.id,
        rootId: root.id,
        path: [root.id, child.id],
        allowedEventTypes: ['mir.transaction.completed'],
      },
    ]);
    expect(response.headers.get('cache-control')).toBe('no-store');
  });

  it('accepts a form as RFC 7662 describes it, and an API key as a bearer token', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    const post = (body: string): Promise<TestResponse> =>
      h.client.request('POST', '/v1/introspect', {
        headers: { ...FORM, authorization: `Bearer ${partner.liveKey}` },
        body,
      });
    expect((await post(`token=${key}&token_type_hint=access_token`)).body).toMatchObject({ active: true, agentId: id });
    expect((await post('token=')).body).toEqual(INACTIVE);
    expectProblem(await post(`token=${key}&token=${key}`), 400, 'INVALID_REQUEST');
    const unknownField = await post(`token=${key}&scope=x`);
    expectProblem(unknownField, 422, 'VALIDATION_FAILED');
    expect(errorsOf(unknownField)).toEqual(['scope UNKNOWN_FIELD']);
    expect(errorsOf(await post('a=b'))).toEqual(['token REQUIRED', 'a UNKNOWN_FIELD']);
    const other = await h.client.post('/v1/introspect', partner.liveKey, 'x', { 'content-type': 'text/plain' });
    expectProblem(other, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  it('says only that a token is inactive if it is not the key of an agent of this environment', async () => {
    const other = await h.partner();
    const foreign = await register(h.client, other.liveKey);
    const test = await register(h.client, partner.testKey);
    const { key } = await register(h.client, partner.liveKey);
    const tag = partner.key.tag;
    const tokens = [
      foreign.key,
      test.key,
      newApiKey('live', tag, true).key,
      newApiKey('live', newPartnerTag(), true).key,
      partner.liveKey,
      newApiKey('live', tag).key,
      `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`,
      key.slice(0, -1),
      `${key} `,
      'none',
      '',
      'x'.repeat(10_000),
    ];
    for (const token of tokens) await expectInactive(token);
    for (const token of [key, foreign.key]) await expectInactive(token, partner.testKey);
    expect((await introspect(key)).body.active).toBe(true);
  });

  it('follows suspensions, revocations, rotations and kills at every API', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, partner.liveKey, root.id);
    const grandchild = await spawn(h.client, partner.liveKey, child.id);
    const both = [h.client, apis.secondApi.client];
    const active = async (): Promise<boolean[][]> =>
      Promise.all(
        both.map(async (client) => {
          const responses = [root, child, grandchild].map(({ key }) => introspect(key, partner.liveKey, client));
          return (await Promise.all(responses)).map(({ body }) => body.active as boolean);
        }),
      );
    const expectActive = async (...expected: boolean[]) => expect(await active()).toEqual([expected, expected]);
    await expectActive(true, true, true);
    await apis.postAction(child.id, 'suspend', {});
    await expectActive(true, false, true);
    await apis.postAction(child.id, 'reactivate', {});
    await apis.postAction(child.id, 'suspend', { includeDescendants: true });
    await expectActive(true, false, false);
    await apis.postAction(child.id, 'reactivate', {});
    await expectActive(true, true, true);
    const { body } = await apis.postAction(grandchild.id, 'key/rotate', {});
    await expectActive(true, true, false);
    expect((await introspect(body.apiKey)).body.active).toBe(true);
    await apis.postAction(root.id, 'revoke', {});
    await expectActive(false, true, false);
    await apis.postAction(root.id, 'revoke-descendants', {});
    await expectActive(false, false, false);
    expect((await introspect(body.apiKey)).body).toEqual(INACTIVE);
  });

  it('returns 403 for an inactive token if the proxy only looks at the status', async () => {
    const { key } = await register(h.client, partner.liveKey);
    const check = (token: string) => h.client.post('/v1/introspect?rejectInactive=true', partner.liveKey, { token });
    expect((await check(key)).body.active).toBe(true);
    const rejected = await check('none');
    expectProblem(rejected, 403, 'TOKEN_INACTIVE');
    expect(rejected.headers.get('cache-control')).toBe('no-store');
  });

  it('requires the scope `agents:introspect`, which no agent has', async () => {
    const create = async (scopes: string[]): Promise<string> =>
      (await h.client.post('/v1/keys', partner.liveKey, { name: 'Gateway', scopes })).body.apiKey as string;
    const { key } = await register(h.client, partner.liveKey);
    const gateway = await create(['agents:introspect']);
    expect((await introspect(key, gateway)).body.active).toBe(true);
    expectProblem(await h.client.get('/v1/agents', gateway), 403, 'SCOPE_MISSING');
    expectProblem(await introspect(key, await create(['agents:manage-all'])), 403, 'SCOPE_MISSING');
    expectProblem(await introspect(key, key), 403, 'SCOPE_MISSING');
  });

  it('leaves out what an agent may not do without the ENTERPRISE plan', async () => {
    const own = await h.partner();
    const { key } = await register(h.client, own.liveKey, anAgent({ preset: 'STANDARD' }));
    expect((await introspect(key, own.liveKey)).body.scope).toBe('events:write events:read resolve:read');
    expect((await asAdmin(h.client, 'PATCH', `/partners/${own.partnerId}`, { plan: 'STANDARD' })).status).toBe(200);
    expect((await introspect(key, own.liveKey)).body).toMatchObject({
      active: true,
      scope: 'events:read resolve:read',
    });
  });

  it('counts as activity of the agent', async () => {
    const { agentId, apiKey } = await insertAgent(h.ctx.store, partner);
    await introspect(apiKey);
    await h.ctx.activity.flush();
    expect((await h.ctx.store.agents.get(tenantOf(partner.partnerId, 'live'), agentId))!.lastActivityAt).not.toBeNull();
  });
});

describe('the cost of an introspection', () => {
  /** Creates a partner with low limits, and an agent of it that has used up its own budget. */
  async function limitedPartner() {
    const own = await h.partner({ limits: { eventsPerMinute: PER_MINUTE, requestsPerMinute: PER_MINUTE } });
    const { apiKey } = await insertAgent(h.ctx.store, own, { rateLimitPerMinute: 1 });
    return { own, apiKey };
  }

  it('draws one unit from a budget of its own and none from the agent', async () => {
    const { own, apiKey } = await limitedPartner();
    for (const token of [apiKey, 'none']) {
      const spent = await spentBy(h, own, async () => {
        const response = await introspect(token, own.liveKey);
        expect(response.headers.get('ratelimit-policy')).toBe(`"introspections";q=${PER_MINUTE};w=60`);
      });
      expect(spent).toEqual({ introspections: 1 });
    }
    expect((await h.client.get('/v1/events', apiKey)).status).toBe(200);
    expectProblem(await h.client.get('/v1/events', apiKey), 429, 'RATE_LIMITED');
    expect((await introspect(apiKey, own.liveKey)).body.active).toBe(true);
  });

  it('does not depend on the requests budget, and does not exhaust it', async () => {
    const { own, apiKey } = await limitedPartner();
    const many = (send: () => Promise<TestResponse>) => Promise.all(Array.from({ length: 2 * PER_MINUTE }, send));
    const introspected = await many(() => introspect(apiKey, own.liveKey));
    expect(introspected.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    expect((await h.client.get('/v1/events', own.liveKey)).status).toBe(200);
    const { own: busy, apiKey: token } = await limitedPartner();
    const requested = await many(() => h.client.get('/v1/events', busy.liveKey));
    expect(requested.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    expect((await introspect(token, busy.liveKey)).body.active).toBe(true);
  });

  it('is one script call and no lookup for a token that is cached', async () => {
    const { key } = await register(h.client, partner.liveKey);
    await introspect(key);
    const { partners, agents } = h.ctx.store.urgent;
    const commands = jest.spyOn(h.ctx.queueLink.client, 'sendCommand');
    const lookups = [
      jest.spyOn(partners, 'byKeyHash'),
      jest.spyOn(partners, 'get'),
      jest.spyOn(agents, 'byKeyHash'),
      jest.spyOn(agents, 'byIds'),
    ];
    const { body } = await introspect(key);
    const scripts = commands.mock.calls.filter(([{ name }]) => /^eval/i.test(name)).length;
    const reads = lookups.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of [commands, ...lookups]) spy.mockRestore();
    expect(body.active).toBe(true);
    expect({ scripts, reads }).toEqual({ scripts: 1, reads: 0 });
  });

  it('looks up a limited number of unknown tokens, counted apart from those of other environments and from API keys', async () => {
    const own = await h.partner();
    const known = await insertAgent(h.ctx.store, own);
    expect((await introspect(known.apiKey, own.liveKey)).body.active).toBe(true);
    const unknown = (): string => newApiKey('live', own.key.tag, true).key;
    const limit = MAX_UNKNOWN_KEYS_PER_ADDRESS;
    const responses = await Promise.all(Array.from({ length: limit }, () => introspect(unknown(), own.liveKey)));
    expect(new Set(responses.map(({ body }) => JSON.stringify(body)))).toEqual(new Set([JSON.stringify(INACTIVE)]));
    const limited = await introspect(unknown(), own.liveKey);
    expectProblem(limited, 429, 'RATE_LIMITED');
    expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await introspect(known.apiKey, own.liveKey)).body.active).toBe(true);
    const test = await register(h.client, own.testKey);
    expect((await introspect(test.key, own.testKey)).body.active).toBe(true);
    expectProblem(await h.client.get('/v1/events', newApiKey('live', own.key.tag).key), 401, 'API_KEY_INVALID');
  });
});

describe('introspection without Redis', () => {
  it('reads the state of the whole path from MongoDB', async () => {
    const root = await insertAgent(h.ctx.store, partner);
    const child = await insertAgent(h.ctx.store, partner, {}, root);
    const { agents } = h.ctx.store;
    const check = () => h.ctx.authorizer.checkKeyFromStore(parseApiKey(child.apiKey)!);
    const path = [partner.partnerId, root.agentId, child.agentId];
    expect(await check()).toMatchObject({ path, nowMs: null, credential: { agent: { agentId: child.agentId } } });
    const mark = (changes: object) => agents.model.updateOne({ _id: root.agentId }, { $set: changes });
    await mark({ status: 'SUSPENDED' });
    expect(await check()).not.toBeNull();
    await mark({ subtreeSuspendedAt: new Date() });
    expect(await check()).toBeNull();
    await mark({ subtreeSuspendedAt: null, killedAt: new Date() });
    expect(await check()).toBeNull();
    expect(
      await h.ctx.authorizer.checkKeyFromStore(parseApiKey(newApiKey('live', partner.key.tag, true).key)!),
    ).toBeNull();
  });
});
