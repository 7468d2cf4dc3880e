import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_SPAWNS_PER_MINUTE } from '../../../../shared/domain/agent';
import type { Harness, TestPartner } from '../../../support/harness';
import { AN_EVENT, auditOf, eventStatus, register, spawn, startSecondApi } from '../../../support/agents';
import { startTwoApis, type TwoApis } from './two-apis';

let apis: TwoApis;
let h: Harness;
let secondApi: TwoApis['secondApi'];
let partner: TestPartner;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, secondApi, partner } = apis);
});
afterAll(() => apis.close());

const requestSpawn = (
  key: string,
  parentId: string,
  body: Record<string, unknown> = {},
  headers: Record<string, string> = {},
) => h.client.post(`/v1/agents/${parentId}/spawn`, key, { name: 'Child', ...body }, headers);
const patchAgent = (id: string, body: unknown, key = partner.liveKey) =>
  h.client.request('PATCH', `/v1/agents/${id}`, { key, body });
const AI_AGENT = {
  type: 'AI_AGENT',
  preset: 'ORCHESTRATOR',
  allowedEventTypes: ['mir.transaction.*', 'mir.review.posted'],
};

describe('POST /v1/agents/:id/spawn', () => {
  it('gives a child its ancestors’ permissions by default, and no budget of its own', async () => {
    const root = await register(h.client, partner.liveKey, {
      rateLimitPerMinute: 600,
      allowedEventTypes: ['mir.transaction.*', 'mir.review.*'],
      authorizer: 'Ada',
    });
    const { status, body } = await requestSpawn(root.key, root.id);
    expect(status).toBe(201);
    const { apiKey, ...child } = body;
    expect(child).toMatchObject({
      type: 'SERVICE_ACCOUNT',
      preset: 'ADMIN',
      allowedEventTypes: ['mir.transaction.*', 'mir.review.*'],
      rateLimitPerMinute: null,
      parentId: root.id,
      rootId: root.id,
      depth: 1,
      membershipSource: 'SPAWNED',
      authorizer: 'Ada',
      status: 'ACTIVE',
    });
    expect(await eventStatus(secondApi.client, apiKey)).toBe(202);
    const [entry] = await auditOf(h.ctx, child.agentId);
    expect(entry).toMatchObject({ action: 'agent.spawned', actor: { kind: 'AGENT', agentId: root.id } });
    await patchAgent(root.id, { allowedEventTypes: ['mir.transaction.completed', 'mir.review.*'] });
    await patchAgent(child.agentId, { allowedEventTypes: ['mir.transaction.*'] });
    const leaf = await requestSpawn(apiKey, child.agentId);
    expect(leaf.body.allowedEventTypes).toEqual(['mir.transaction.completed']);
  });

  it('returns 403 and lists each field that exceeds the permissions of the parent or another ancestor', async () => {
    const root = await register(h.client, partner.liveKey, { ...AI_AGENT, rateLimitPerMinute: 60 });
    const key = { 'idempotency-key': 'greedy' };
    const excessive = {
      type: 'SERVICE_ACCOUNT',
      preset: 'ADMIN',
      allowedEventTypes: ['mir.transaction.completed', 'mir.review.*'],
      rateLimitPerMinute: 61,
    };
    const { status, body } = await requestSpawn(root.key, root.id, excessive, key);
    expect([status, body.code]).toEqual([403, 'ESCALATION_DENIED']);
    const fields = body.errors.map(({ path }: { path: string }) => path).sort();
    expect(fields).toEqual(['allowedEventTypes', 'preset', 'rateLimitPerMinute', 'type']);
    const child = await h.client.post(`/v1/agents/${root.id}/spawn`, partner.liveKey, { name: 'Child' });
    expect(child.body).toMatchObject({ type: 'AI_AGENT', preset: 'ORCHESTRATOR' });
    await patchAgent(root.id, { rateLimitPerMinute: 10 });
    const beyondRoot = await requestSpawn(partner.liveKey, child.body.agentId, { rateLimitPerMinute: 11 });
    expect(beyondRoot.body).toMatchObject({ code: 'ESCALATION_DENIED', errors: [{ path: 'rateLimitPerMinute' }] });
  });

  it('rejects an AI child that would inherit ADMIN or a wildcard allowlist', async () => {
    const root = await register(h.client, partner.liveKey, { allowedEventTypes: ['*'] });
    const { status, body } = await requestSpawn(root.key, root.id, { type: 'AI_AGENT' });
    expect([status, body.code]).toEqual([422, 'PRESET_NOT_ALLOWED']);
    expect(body.errors.map(({ code }: { code: string }) => code)).toEqual(['PRESET_NOT_ALLOWED', 'ALLOWLIST_REQUIRED']);
  });

  it('lets an agent spawn only its own direct children', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const unrelated = await register(h.client, partner.liveKey);
    for (const id of [child.id, unrelated.id]) {
      expect((await requestSpawn(root.key, id)).body.code).toBe('NOT_YOUR_DESCENDANT');
    }
    expect((await requestSpawn(child.key, root.id)).body.code).toBe('NOT_YOUR_DESCENDANT');
    expect((await requestSpawn(root.key, 'agt_live_none')).body.code).toBe('NOT_FOUND');
    const plain = await register(h.client, partner.liveKey, { preset: 'STANDARD' });
    expect((await requestSpawn(plain.key, plain.id)).body.code).toBe('SCOPE_MISSING');
    expect((await requestSpawn(partner.liveKey, plain.id)).status).toBe(201);
  });

  it('requires an idempotency key from an AI agent, and replays the response without the child’s API key', async () => {
    const root = await register(h.client, partner.liveKey, AI_AGENT);
    const twin = await register(h.client, partner.liveKey, AI_AGENT);
    expect(await requestSpawn(root.key, root.id)).toMatchObject({
      status: 400,
      body: { code: 'IDEMPOTENCY_KEY_REQUIRED' },
    });
    const headers = { 'idempotency-key': '"1"' };
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? h : secondApi).client.post(`/v1/agents/${root.id}/spawn`, root.key, { name: 'Child' }, headers),
      ),
    );
    expect(responses.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      200, 200, 200, 200, 200, 200, 200, 201,
    ]);
    expect(new Set(responses.map(({ body }) => body.agentId)).size).toBe(1);
    expect(responses.filter(({ body }) => 'apiKey' in body)).toHaveLength(1);
    expect(await requestSpawn(root.key, root.id, { name: 'Another' }, headers)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    const twinSpawn = await requestSpawn(twin.key, twin.id, {}, headers);
    expect(twinSpawn.status).toBe(201);
    const { childCount } = (await h.ctx.store.agents.model.findById(root.id).lean())!;
    expect(childCount).toBe(1);
  });

  it('rejects spawning under a suspended or revoked agent and under its descendants', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    await apis.postAction(root.id, 'suspend');
    expect((await requestSpawn(partner.liveKey, root.id)).body.code).toBe('AGENT_STATE');
    expect((await requestSpawn(partner.liveKey, child.id)).body.code).toBe('AGENT_STATE');
    await apis.postAction(root.id, 'revoke');
    expect((await requestSpawn(partner.liveKey, child.id)).body.code).toBe('AGENT_REVOKED');
  });

  it('returns 429 when a tree spawns agents too quickly, and 503 while Redis is down', async () => {
    const root = await register(h.client, partner.liveKey);
    await h.ctx.queueLink.client.set(`${h.ctx.keys.throttle('spawns')}:${root.id}`, MAX_SPAWNS_PER_MINUTE, 'EX', 60);
    const response = await requestSpawn(root.key, root.id);
    expect(response).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(response.body.detail).toContain('spawns per minute');
    const disconnected = await startSecondApi(h);
    disconnected.ctx.queueLink.client.disconnect();
    const uncounted = await disconnected.client.post(`/v1/agents/${root.id}/spawn`, partner.liveKey, { name: 'x' });
    await disconnected.close();
    expect(uncounted.status).toBe(503);
  });
});

describe('PATCH /v1/agents/:id', () => {
  it('applies narrowed permissions to all descendants immediately, on every process', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const leaf = await spawn(h.client, child.key, child.id);
    for (const { client } of [h, secondApi]) expect(await eventStatus(client, leaf.key)).toBe(202);
    expect((await patchAgent(root.id, { allowedEventTypes: ['mir.review.*'] })).status).toBe(200);
    for (const { client } of [h, secondApi]) {
      const { body } = await client.post('/v1/events', leaf.key, AN_EVENT);
      expect(body.code).toBe('EVENT_TYPE_NOT_ALLOWED');
    }
    await patchAgent(root.id, { rateLimitPerMinute: 7 });
    const { headers } = await secondApi.client.get('/v1/events', leaf.key);
    expect(headers.get('ratelimit-policy')).toBe('"requests";q=7;w=60');
  });

  it('rejects permissions wider than an ancestor’s, but allows narrowing to event types the ancestor no longer has', async () => {
    const root = await register(h.client, partner.liveKey, {
      allowedEventTypes: ['mir.transaction.*'],
      rateLimitPerMinute: 60,
    });
    const child = await spawn(h.client, root.key, root.id);
    const widened = await patchAgent(child.id, { allowedEventTypes: ['mir.*'], rateLimitPerMinute: 61 }, root.key);
    expect(widened).toMatchObject({ status: 403, body: { code: 'ESCALATION_DENIED' } });
    expect(widened.body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'allowedEventTypes',
      'rateLimitPerMinute',
    ]);
    await patchAgent(root.id, { allowedEventTypes: ['mir.transaction.completed'] });
    const narrowed = await patchAgent(child.id, {
      allowedEventTypes: ['mir.transaction.initiated', 'mir.transaction.completed'],
    });
    expect(narrowed.status).toBe(200);
    expect((await patchAgent(child.id, { name: 'Renamed' })).body.name).toBe('Renamed');
    expect((await patchAgent(child.id, { rateLimitPerMinute: null })).body.rateLimitPerMinute).toBeNull();
    expect((await patchAgent(child.id, {})).status).toBe(422);
    expect((await patchAgent(child.id, { preset: 'ADMIN' })).body.errors[0].code).toBe('UNKNOWN_FIELD');
  });

  it('rejects an empty or catch-all allowlist for an AI agent', async () => {
    const { id } = await register(h.client, partner.liveKey, AI_AGENT);
    for (const allowedEventTypes of [[], ['*'], ['mir.*']]) {
      expect((await patchAgent(id, { allowedEventTypes })).body.code).toBe('ALLOWLIST_REQUIRED');
    }
  });

  it('applies two concurrent changes from two processes and writes an audit entry for each change', async () => {
    const { id } = await register(h.client, partner.liveKey);
    const path = `/v1/agents/${id}`;
    await Promise.all([
      h.client.request('PATCH', path, { key: partner.liveKey, body: { name: 'A' } }),
      secondApi.client.request('PATCH', path, { key: partner.liveKey, body: { rateLimitPerMinute: 9 } }),
    ]);
    expect((await h.client.get(path, partner.liveKey)).body).toMatchObject({ name: 'A', rateLimitPerMinute: 9 });
    expect(await auditOf(h.ctx, id)).toHaveLength(3);
    await patchAgent(id, { name: 'A' });
    expect(await auditOf(h.ctx, id)).toHaveLength(3);
  });
});

describe('rate limit for an agent tree', () => {
  it('lets the whole tree spend the root’s budget, but no more', async () => {
    const perMinute = 40;
    const root = await register(h.client, partner.liveKey, { rateLimitPerMinute: perMinute });
    const children = await Promise.all([1, 2, 3].map(() => spawn(h.client, partner.liveKey, root.id)));
    const leaves = await Promise.all(children.map(({ id }) => spawn(h.client, partner.liveKey, id)));
    const startedAtMs = Date.now();
    const statuses = await Promise.all(
      [root, ...children, ...leaves].flatMap(({ key }, n) =>
        Array.from({ length: 12 }, () => eventStatus((n % 2 ? h : secondApi).client, key)),
      ),
    );
    const refilled = ((Date.now() - startedAtMs) * perMinute) / 60_000;
    const granted = statuses.filter((status) => status === 202).length;
    expect(new Set(statuses)).toEqual(new Set([202, 429]));
    expect(granted).toBeGreaterThanOrEqual(perMinute);
    expect(granted).toBeLessThanOrEqual(perMinute + refilled + 1);
  });
});
