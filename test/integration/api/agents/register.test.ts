import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { allowSpawning, anAgent, auditOf, register, spawn } from '../../../support/agents';
import { startTwoApis, type TwoApis } from './two-apis';

let apis: TwoApis;
let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, partner } = apis);
});
afterAll(() => apis.close());

describe('POST /v1/agents', () => {
  it('returns a new agent with a working key that is never returned again', async () => {
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
      hasChildren: false,
      membershipSource: 'REGISTERED',
      authorizer: 'Ada, operations',
      owner: null,
      expiresAt: null,
      effectiveExpiresAt: null,
      idleTimeoutSeconds: null,
      effectiveIdleTimeoutSeconds: null,
      createdBy: expect.stringMatching(/^key_/),
      approvedBy: null,
      createdAt: expect.any(String),
      lastActivityAt: null,
      keyPrefix: expect.stringMatching(/^mir_live_agent_[a-z0-9]{12}_\w{1,8}$/),
    });
    expect(apiKey.startsWith(agent.keyPrefix)).toBe(true);
    expect(headers.get('location')).toBe(`/v1/agents/${agent.agentId}`);
    expect((await apis.getAgent(agent.agentId)).body).toEqual(agent);
    expect(await apis.statusesWith(apiKey)).toEqual([200, 200]);
    const [entry] = await auditOf(h.ctx, agent.agentId);
    expect(entry).toMatchObject({
      action: 'agent.registered',
      chain: `${partner.partnerId}:live`,
      actor: { kind: 'PARTNER', partnerId: partner.partnerId },
    });
    expect(JSON.stringify(entry)).not.toContain(apiKey);
  });

  it('hides test agents from the live key', async () => {
    const { id, key } = await register(h.client, partner.testKey);
    expect(id).toMatch(/^agt_test_/);
    expect(key).toMatch(/^mir_test_agent_/);
    expect((await apis.getAgent(id)).status).toBe(404);
    expect((await apis.getAgent(id, partner.testKey)).status).toBe(200);
  });

  it('returns the same 404 for another partner’s agent as for an unknown agent, for every action', async () => {
    const otherPartner = await h.partner();
    const { id } = await register(h.client, partner.liveKey);
    for (const path of ['suspend', 'reactivate', 'revoke', 'key/rotate']) {
      const [foreign, missing] = [
        await apis.postAction(id, path, {}, otherPartner.liveKey),
        await apis.postAction('agt_live_none', path, {}, otherPartner.liveKey),
      ];
      expect([foreign.status, foreign.body.code, foreign.body.detail]).toEqual([404, 'NOT_FOUND', missing.body.detail]);
    }
    expect((await apis.getAgent(id, otherPartner.liveKey)).body.code).toBe('NOT_FOUND');
  });

  it('omits the API key when replaying a registration, and rejects a reused idempotency key with a different body', async () => {
    const headers = { 'idempotency-key': 'reg-1' };
    const post = (body: unknown) => h.client.post('/v1/agents', partner.liveKey, body, headers);
    const responses = await Promise.all([1, 2, 3].map(() => post(anAgent({ name: 'Once' }))));
    expect(responses.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 201]);
    expect(new Set(responses.map(({ body }) => body.agentId)).size).toBe(1);
    expect(responses.filter(({ body }) => body.apiKey !== undefined)).toHaveLength(1);
    expect(responses[0]!.body.agentId).toMatch(/^agt_live_k/);
    expect(await post(anAgent({ name: 'Other' }))).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    expect(await auditOf(h.ctx, responses[0]!.body.agentId)).toHaveLength(1);
  });

  it('reports every validation problem at once', async () => {
    const invalid = anAgent({
      name: '',
      type: 'AI_AGENT',
      allowedEventTypes: ['*', 'mir.transaction.complete', 'mir.nothing.*', 'transaction'],
      rateLimitPerMinute: 0,
      color: 'red',
    });
    const { status, body } = await h.client.post('/v1/agents', partner.liveKey, invalid);
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
  ])('rejects %s', async (_, changes, code) => {
    const response = await h.client.post('/v1/agents', partner.liveKey, anAgent({ type: 'AI_AGENT', ...changes }));
    expect(response).toMatchObject({ status: 422, body: { code } });
  });

  it.each([null, [], 'text', 7, { allowedEventTypes: 'mir.*' }, { allowedEventTypes: [null, {}] }])(
    'returns 422 for the body %j',
    async (body) => {
      const response = await h.client.post('/v1/agents', partner.liveKey, JSON.stringify(body), {
        'content-type': 'application/json',
      });
      expect(response.status).toBe(422);
    },
  );
});

describe('access to agent routes', () => {
  it('rejects agent keys on the routes for registration, the spawn policy and approvals', async () => {
    const { key } = await register(h.client, partner.liveKey);
    const responses = [
      await h.client.post('/v1/agents', key, anAgent()),
      await h.client.get('/v1/agents/policy', key),
      await h.client.request('PUT', '/v1/agents/policy', { key, body: { spawnEnabled: true } }),
      await h.client.get('/v1/agents/approvals', key),
      await h.client.post('/v1/agents/approvals/apr_1/approve', key, {}),
      await h.client.post('/v1/agents/approvals/apr_1/reject', key, {}),
    ];
    expect(responses.map(({ body }) => body.code)).toEqual(responses.map(() => 'HUMAN_REQUIRED'));
  });

  it('lets an ADMIN agent manage its descendants, but not itself or other agents', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const unrelated = await register(h.client, partner.liveKey);
    expect((await apis.postAction(child.id, 'suspend', {}, root.key)).status).toBe(200);
    for (const id of [root.id, unrelated.id]) {
      for (const path of ['suspend', 'reactivate', 'revoke', 'key/rotate']) {
        expect(await apis.postAction(id, path, {}, root.key)).toMatchObject({
          status: 403,
          body: { code: 'NOT_YOUR_DESCENDANT' },
        });
      }
    }
    expect((await apis.postAction(root.id, 'suspend', {}, child.key)).body.code).toBe('AGENT_SUSPENDED');
    expect((await apis.getAgent(root.id, root.key)).status).toBe(200);
    expect((await apis.getAgent(unrelated.id, root.key)).body.code).toBe('NOT_YOUR_DESCENDANT');
    const { body } = await h.client.get('/v1/agents', root.key);
    expect(body.data.map(({ agentId }: { agentId: string }) => agentId).sort()).toEqual([root.id, child.id].sort());
  });

  it('returns SCOPE_MISSING for an agent without the agents:manage scope', async () => {
    const { id } = await register(h.client, partner.liveKey);
    const { key } = await register(h.client, partner.liveKey, { preset: 'ORCHESTRATOR' });
    expect((await apis.postAction(id, 'suspend', {}, key)).body.code).toBe('SCOPE_MISSING');
  });

  it('allows only reading, suspending and revoking agents after a downgrade to STANDARD', async () => {
    const ownPartner = await h.partner();
    await allowSpawning(h.client, ownPartner);
    const { id } = await register(h.client, ownPartner.liveKey);
    const headers = { 'x-admin-token': h.env['ADMIN_TOKEN']! };
    const plan = { plan: 'STANDARD' };
    await h.client.request('PATCH', `/admin/partners/${ownPartner.partnerId}`, { headers, body: plan });
    const post = (path: string, body: unknown = {}) => h.client.post(`/v1/agents${path}`, ownPartner.liveKey, body);
    const rejected = [
      await post('', anAgent()),
      await post(`/${id}/spawn`, { name: 'x' }),
      await post(`/${id}/key/rotate`),
      await post(`/${id}/reactivate`),
      await h.client.request('PATCH', `/v1/agents/${id}`, { key: ownPartner.liveKey, body: { name: 'x' } }),
      await h.client.request('PUT', '/v1/agents/policy', { key: ownPartner.liveKey, body: { spawnEnabled: false } }),
    ];
    expect(rejected.map(({ body }) => body.code)).toEqual(rejected.map(() => 'ENTERPRISE_REQUIRED'));
    expect((await h.client.get('/v1/agents', ownPartner.liveKey)).body.data).toHaveLength(1);
    expect((await apis.getAgent(id, ownPartner.liveKey)).status).toBe(200);
    expect((await post(`/${id}/suspend`)).status).toBe(200);
    expect((await post(`/${id}/revoke`)).status).toBe(200);
  });
});

describe('GET /v1/agents', () => {
  it('lists agents newest first over several pages, and filters by effective status and type', async () => {
    const ownPartner = await h.partner();
    await allowSpawning(h.client, ownPartner);
    const root = await register(h.client, ownPartner.liveKey, { name: 'root' });
    const children = [];
    for (let n = 0; n < 4; n += 1)
      children.push(await spawn(h.client, ownPartner.liveKey, root.id, { name: `child ${n}` }));
    await register(h.client, ownPartner.liveKey, {
      name: 'ai',
      type: 'AI_AGENT',
      preset: 'STANDARD',
      allowedEventTypes: ['mir.transaction.*'],
    });
    const names = async (query: string, key = ownPartner.liveKey): Promise<string[]> => {
      const all: string[] = [];
      let cursor = '';
      do {
        const { body } = await h.client.get(`/v1/agents?${query}${cursor && `&cursor=${cursor}`}`, key);
        all.push(...body.data.map(({ name }: { name: string }) => name));
        cursor = body.nextCursor ?? '';
      } while (cursor !== '');
      return all;
    };
    const allNames = ['ai', 'child 3', 'child 2', 'child 1', 'child 0', 'root'];
    for (const limit of [1, 2, 3, 6, 50]) expect(await names(`limit=${limit}`)).toEqual(allNames);
    for (const limit of [1, 2, 5, 50]) expect(await names(`limit=${limit}`, root.key)).toEqual(allNames.slice(1));
    expect(await names('type=AI_AGENT')).toEqual(['ai']);
    expect(await names('type=AI_AGENT', root.key)).toEqual([]);
    await apis.postAction(children[0]!.id, 'suspend', {}, ownPartner.liveKey);
    expect(await names('status=SUSPENDED')).toEqual(['child 0']);
    await apis.postAction(root.id, 'suspend', { includeDescendants: true }, ownPartner.liveKey);
    for (const limit of [1, 2, 5, 50]) {
      expect(await names(`status=SUSPENDED&limit=${limit}`)).toEqual(allNames.slice(1));
      expect(await names(`status=ACTIVE&limit=${limit}`)).toEqual(['ai']);
    }
    await apis.postAction(root.id, 'revoke', { includeDescendants: true }, ownPartner.liveKey);
    expect(await names('status=REVOKED&limit=2')).toEqual(allNames.slice(1));
    expect(await names('status=SUSPENDED')).toEqual([]);
  });
});
