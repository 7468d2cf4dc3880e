import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { allowSpawning, anAgent, auditOf, register, spawn, startSecondApi, statusWith } from '../../../support/agents';

let h: Harness;
let other: Awaited<ReturnType<typeof startSecondApi>>;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  other = await startSecondApi(h);
  partner = await h.partner();
  await allowSpawning(h.client, partner);
});
afterAll(async () => {
  await other.close();
  await h.close();
});

const postAction = (id: string, what: string, body?: unknown, key = partner.liveKey) =>
  h.client.request('POST', `/v1/agents/${id}/${what}`, body === undefined ? { key } : { key, body });
const get = (id: string, key = partner.liveKey) => h.client.get(`/v1/agents/${id}`, key);
const both = async (key: string): Promise<number[]> => [
  await statusWith(h.client, key),
  await statusWith(other.client, key),
];

describe('registering', () => {
  it('answers the agent and its key once, and the key works', async () => {
    const { status, body, headers } = await h.client.post(
      '/v1/agents',
      partner.liveKey,
      anAgent({ authorizer: 'Ada, operations', rateLimitPerMinute: 600 }),
    );
    expect(status).toBe(201);
    const { apiKey, ...agent } = body;
    expect(apiKey).toMatch(/^mir_live_agent_/);
    expect(agent).toEqual({
      agentId: expect.stringMatching(/^agt_live_[0-9a-f]{32}$/),
      name: 'Order bot',
      type: 'SERVICE_ACCOUNT',
      preset: 'ADMIN',
      scopes: ['events:write', 'events:read', 'resolve:read', 'agents:spawn', 'agents:manage', 'links:write'],
      allowedEventTypes: ['mir.*'],
      rateLimitPerMinute: 600,
      status: 'ACTIVE',
      authMode: 'API_KEY',
      parentId: null,
      rootId: agent.agentId,
      depth: 0,
      membershipSource: 'REGISTERED',
      authorizer: 'Ada, operations',
      createdAt: expect.any(String),
      lastActivityAt: null,
      keyPrefix: expect.stringMatching(/^mir_live_agent_[a-z0-9]{12}_\w{1,8}$/),
    });
    expect(apiKey.startsWith(agent.keyPrefix)).toBe(true);
    expect(headers.get('location')).toBe(`/v1/agents/${agent.agentId}`);
    expect((await get(agent.agentId)).body).toEqual(agent);
    expect(await both(apiKey)).toEqual([200, 200]);
    const [entry] = await auditOf(h.ctx, agent.agentId);
    expect(entry).toMatchObject({
      action: 'agent.registered',
      chain: `${partner.partnerId}:live`,
      actor: { kind: 'PARTNER', partnerId: partner.partnerId },
    });
    expect(JSON.stringify(entry)).not.toContain(apiKey);
  });

  it('keeps test agents out of live', async () => {
    const { id, key } = await register(h.client, partner.testKey);
    expect(id).toMatch(/^agt_test_/);
    expect(key).toMatch(/^mir_test_agent_/);
    expect((await get(id)).status).toBe(404);
    expect((await get(id, partner.testKey)).status).toBe(200);
  });

  it('answers alike for a foreign agent and a missing one, on every route', async () => {
    const stranger = await h.partner();
    const { id } = await register(h.client, partner.liveKey);
    for (const path of ['suspend', 'reactivate', 'revoke', 'key/rotate']) {
      const [foreign, missing] = [
        await postAction(id, path, {}, stranger.liveKey),
        await postAction('agt_live_none', path, {}, stranger.liveKey),
      ];
      expect([foreign.status, foreign.body.code, foreign.body.detail]).toEqual([404, 'NOT_FOUND', missing.body.detail]);
    }
    expect((await get(id, stranger.liveKey)).body.code).toBe('NOT_FOUND');
  });

  it('replays the same agent without its key, and refuses the key for other content', async () => {
    const headers = { 'idempotency-key': 'reg-1' };
    const post = (body: unknown) => h.client.post('/v1/agents', partner.liveKey, body, headers);
    const answers = await Promise.all([1, 2, 3].map(() => post(anAgent({ name: 'Once' }))));
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.agentId)).size).toBe(1);
    expect(answers.filter(({ body }) => body.apiKey !== undefined)).toHaveLength(1);
    expect(answers[0]!.body.agentId).toMatch(/^agt_live_k/);
    expect(await post(anAgent({ name: 'Other' }))).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await auditOf(h.ctx, answers[0]!.body.agentId)).toHaveLength(1);
  });

  it('names every problem at once', async () => {
    const bad = anAgent({
      name: '',
      type: 'AI_AGENT',
      allowedEventTypes: ['*', 'mir.transaction.complete', 'mir.nothing.*', 'transaction'],
      rateLimitPerMinute: 0,
      color: 'red',
    });
    const { status, body } = await h.client.post('/v1/agents', partner.liveKey, bad);
    expect([status, body.code]).toEqual([422, 'PRESET_NOT_ALLOWED']);
    const errors = body.errors.map(({ path, code }: { path: string; code: string }) => [path, code]);
    expect(errors).toEqual(
      expect.arrayContaining([
        ['name', 'TOO_SMALL'],
        ['color', 'UNKNOWN_FIELD'],
        ['rateLimitPerMinute', 'TOO_SMALL'],
        ['preset', 'PRESET_NOT_ALLOWED'],
        ['allowedEventTypes', 'ALLOWLIST_REQUIRED'],
        ['allowedEventTypes.1', 'UNKNOWN_EVENT_TYPE'],
        ['allowedEventTypes.2', 'UNKNOWN_CATEGORY'],
        ['allowedEventTypes.3', 'INVALID_PATTERN'],
      ]),
    );
  });

  it.each([
    ['an AI agent with ADMIN', { preset: 'ADMIN', allowedEventTypes: ['mir.transaction.*'] }, 'PRESET_NOT_ALLOWED'],
    ['an AI agent with *', { preset: 'STANDARD', allowedEventTypes: ['*'] }, 'ALLOWLIST_REQUIRED'],
    ['an AI agent with mir.*', { preset: 'STANDARD', allowedEventTypes: ['mir.*'] }, 'ALLOWLIST_REQUIRED'],
    ['an AI agent with an empty list', { preset: 'STANDARD', allowedEventTypes: [] }, 'ALLOWLIST_REQUIRED'],
    ['an AI agent without a list', { preset: 'STANDARD', allowedEventTypes: undefined }, 'ALLOWLIST_REQUIRED'],
  ])('refuses %s', async (_, changes, code) => {
    const answer = await h.client.post('/v1/agents', partner.liveKey, anAgent({ type: 'AI_AGENT', ...changes }));
    expect(answer).toMatchObject({ status: 422, body: { code } });
  });

  it.each([null, [], 'text', 7, { allowedEventTypes: 'mir.*' }, { allowedEventTypes: [null, {}] }])(
    'answers 422 to the body %j',
    async (body) => {
      const answer = await h.client.post('/v1/agents', partner.liveKey, JSON.stringify(body), {
        'content-type': 'application/json',
      });
      expect(answer.status).toBe(422);
    },
  );
});

describe('access', () => {
  it('takes the partner’s own key for registering, policy and approvals', async () => {
    const { key } = await register(h.client, partner.liveKey);
    const answers = [
      await h.client.post('/v1/agents', key, anAgent()),
      await h.client.get('/v1/agents/policy', key),
      await h.client.request('PUT', '/v1/agents/policy', { key, body: { spawnEnabled: true } }),
      await h.client.get('/v1/agents/approvals', key),
      await h.client.post('/v1/agents/approvals/apr_1/approve', key, {}),
      await h.client.post('/v1/agents/approvals/apr_1/reject', key, {}),
    ];
    expect(answers.map(({ body }) => body.code)).toEqual(answers.map(() => 'HUMAN_REQUIRED'));
  });

  it('lets an ADMIN agent act on its own descendants only, and not on itself', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const stranger = await register(h.client, partner.liveKey);
    expect((await postAction(child.id, 'suspend', {}, root.key)).status).toBe(200);
    for (const id of [root.id, stranger.id]) {
      for (const path of ['suspend', 'reactivate', 'revoke', 'key/rotate']) {
        expect(await postAction(id, path, {}, root.key)).toMatchObject({
          status: 403,
          body: { code: 'NOT_YOUR_DESCENDANT' },
        });
      }
    }
    expect((await postAction(root.id, 'suspend', {}, child.key)).body.code).toBe('AGENT_SUSPENDED');
    expect((await get(root.id, root.key)).status).toBe(200);
    expect((await get(stranger.id, root.key)).body.code).toBe('NOT_YOUR_DESCENDANT');
    const { body } = await h.client.get('/v1/agents', root.key);
    expect(body.data.map(({ agentId }: { agentId: string }) => agentId).sort()).toEqual([root.id, child.id].sort());
  });

  it('refuses agents without agents:manage', async () => {
    const { id } = await register(h.client, partner.liveKey);
    const { key } = await register(h.client, partner.liveKey, { preset: 'ORCHESTRATOR' });
    expect((await postAction(id, 'suspend', {}, key)).body.code).toBe('SCOPE_MISSING');
  });

  it('leaves reading, suspending and revoking after a downgrade, and nothing else', async () => {
    const p = await h.partner();
    await allowSpawning(h.client, p);
    const { id } = await register(h.client, p.liveKey);
    const headers = { 'x-admin-token': h.env['ADMIN_TOKEN']! };
    const plan = { plan: 'STANDARD' };
    await h.client.request('PATCH', `/admin/partners/${p.partnerId}`, { headers, body: plan });
    const post = (path: string, body: unknown = {}) => h.client.post(`/v1/agents${path}`, p.liveKey, body);
    const rejected = [
      await post('', anAgent()),
      await post(`/${id}/spawn`, { name: 'x' }),
      await post(`/${id}/key/rotate`),
      await post(`/${id}/reactivate`),
      await h.client.request('PATCH', `/v1/agents/${id}`, { key: p.liveKey, body: { name: 'x' } }),
      await h.client.request('PUT', '/v1/agents/policy', { key: p.liveKey, body: { spawnEnabled: false } }),
    ];
    expect(rejected.map(({ body }) => body.code)).toEqual(rejected.map(() => 'ENTERPRISE_REQUIRED'));
    expect((await h.client.get('/v1/agents', p.liveKey)).body.data).toHaveLength(1);
    expect((await get(id, p.liveKey)).status).toBe(200);
    expect((await post(`/${id}/suspend`)).status).toBe(200);
    expect((await post(`/${id}/revoke`)).status).toBe(200);
  });
});

describe('listing', () => {
  it('pages newest first, filters by the status that counts and by type', async () => {
    const p = await h.partner();
    await allowSpawning(h.client, p);
    const root = await register(h.client, p.liveKey, { name: 'root' });
    const kids = [];
    for (let n = 0; n < 4; n += 1) kids.push(await spawn(h.client, p.liveKey, root.id, { name: `kid ${n}` }));
    await register(h.client, p.liveKey, {
      name: 'ai',
      type: 'AI_AGENT',
      preset: 'STANDARD',
      allowedEventTypes: ['mir.transaction.*'],
    });
    const names = async (query: string, key = p.liveKey): Promise<string[]> => {
      const all: string[] = [];
      let cursor = '';
      do {
        const { body } = await h.client.get(`/v1/agents?${query}${cursor && `&cursor=${cursor}`}`, key);
        all.push(...body.data.map(({ name }: { name: string }) => name));
        cursor = body.nextCursor ?? '';
      } while (cursor !== '');
      return all;
    };
    const everybody = ['ai', 'kid 3', 'kid 2', 'kid 1', 'kid 0', 'root'];
    for (const limit of [1, 2, 3, 6, 50]) expect(await names(`limit=${limit}`)).toEqual(everybody);
    for (const limit of [1, 2, 5, 50]) expect(await names(`limit=${limit}`, root.key)).toEqual(everybody.slice(1));
    expect(await names('type=AI_AGENT')).toEqual(['ai']);
    expect(await names('type=AI_AGENT', root.key)).toEqual([]);
    await postAction(kids[0]!.id, 'suspend', {}, p.liveKey);
    expect(await names('status=SUSPENDED')).toEqual(['kid 0']);
    await postAction(root.id, 'suspend', { includeDescendants: true }, p.liveKey);
    for (const limit of [1, 2, 5, 50]) {
      expect(await names(`status=SUSPENDED&limit=${limit}`)).toEqual(everybody.slice(1));
      expect(await names(`status=ACTIVE&limit=${limit}`)).toEqual(['ai']);
    }
    await postAction(root.id, 'revoke', { includeDescendants: true }, p.liveKey);
    expect(await names('status=REVOKED&limit=2')).toEqual(everybody.slice(1));
    expect(await names('status=SUSPENDED')).toEqual([]);
  });
});
