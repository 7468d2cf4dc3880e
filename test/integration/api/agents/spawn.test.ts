import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SPAWNS_PER_ROOT_PER_MINUTE } from '../../../../api/agents/throttle-spawns';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import {
  allowSpawning,
  AN_EVENT,
  auditOf,
  eventStatus,
  register,
  spawn,
  startSecondApi,
} from '../../../support/agents';

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

const ask = (key: string, parentId: string, body: Record<string, unknown> = {}, headers: Record<string, string> = {}) =>
  h.client.post(`/v1/agents/${parentId}/spawn`, key, { name: 'Child', ...body }, headers);
const change = (id: string, body: unknown, key = partner.liveKey) =>
  h.client.request('PATCH', `/v1/agents/${id}`, { key, body });
const AI = { type: 'AI_AGENT', preset: 'ORCHESTRATOR', allowedEventTypes: ['mir.transaction.*', 'mir.review.posted'] };

describe('spawning', () => {
  it('gives a child what its path allows where nothing is asked, and no budget of its own', async () => {
    const root = await register(h.client, partner.liveKey, {
      rateLimitPerMinute: 600,
      allowedEventTypes: ['mir.transaction.*', 'mir.review.*'],
      authorizer: 'Ada',
    });
    const { status, body } = await ask(root.key, root.id);
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
    expect(await eventStatus(other.client, apiKey)).toBe(202);
    const [entry] = await auditOf(h.ctx, child.agentId);
    expect(entry).toMatchObject({ action: 'agent.spawned', actor: { kind: 'AGENT', agentId: root.id } });
    await change(root.id, { allowedEventTypes: ['mir.transaction.completed', 'mir.review.*'] });
    await change(child.agentId, { allowedEventTypes: ['mir.transaction.*'] });
    const leaf = await ask(apiKey, child.agentId);
    expect(leaf.body.allowedEventTypes).toEqual(['mir.transaction.completed']);
  });

  it('is denied for whatever goes beyond the parent, naming each field, also of a tightened ancestor', async () => {
    const root = await register(h.client, partner.liveKey, { ...AI, rateLimitPerMinute: 60 });
    const key = { 'idempotency-key': 'greedy' };
    const asked = {
      type: 'SERVICE_ACCOUNT',
      preset: 'ADMIN',
      allowedEventTypes: ['mir.transaction.completed', 'mir.review.*'],
      rateLimitPerMinute: 61,
    };
    const { status, body } = await ask(root.key, root.id, asked, key);
    expect([status, body.code]).toEqual([403, 'ESCALATION_DENIED']);
    const fields = body.errors.map(({ path }: { path: string }) => path).sort();
    expect(fields).toEqual(['allowedEventTypes', 'preset', 'rateLimitPerMinute', 'type']);
    const child = await h.client.post(`/v1/agents/${root.id}/spawn`, partner.liveKey, { name: 'Child' });
    expect(child.body).toMatchObject({ type: 'AI_AGENT', preset: 'ORCHESTRATOR' });
    await change(root.id, { rateLimitPerMinute: 10 });
    const beyondRoot = await ask(partner.liveKey, child.body.agentId, { rateLimitPerMinute: 11 });
    expect(beyondRoot.body).toMatchObject({ code: 'ESCALATION_DENIED', errors: [{ path: 'rateLimitPerMinute' }] });
  });

  it('refuses an AI child that would inherit ADMIN or a wide list', async () => {
    const root = await register(h.client, partner.liveKey, { allowedEventTypes: ['*'] });
    const { status, body } = await ask(root.key, root.id, { type: 'AI_AGENT' });
    expect([status, body.code]).toEqual([422, 'PRESET_NOT_ALLOWED']);
    expect(body.errors.map(({ code }: { code: string }) => code)).toEqual(['PRESET_NOT_ALLOWED', 'ALLOWLIST_REQUIRED']);
  });

  it('is something an agent does only under itself', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const stranger = await register(h.client, partner.liveKey);
    for (const id of [child.id, stranger.id]) {
      expect((await ask(root.key, id)).body.code).toBe('NOT_YOUR_DESCENDANT');
    }
    expect((await ask(child.key, root.id)).body.code).toBe('NOT_YOUR_DESCENDANT');
    expect((await ask(root.key, 'agt_live_none')).body.code).toBe('NOT_FOUND');
    const plain = await register(h.client, partner.liveKey, { preset: 'STANDARD' });
    expect((await ask(plain.key, plain.id)).body.code).toBe('SCOPE_MISSING');
    expect((await ask(partner.liveKey, plain.id)).status).toBe(201);
  });

  it('asks an AI agent for an idempotency key, and answers a repetition with the same child, keyless', async () => {
    const root = await register(h.client, partner.liveKey, AI);
    const twin = await register(h.client, partner.liveKey, AI);
    expect(await ask(root.key, root.id)).toMatchObject({ status: 400, body: { code: 'IDEMPOTENCY_KEY_REQUIRED' } });
    const headers = { 'idempotency-key': '"1"' };
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? h : other).client.post(`/v1/agents/${root.id}/spawn`, root.key, { name: 'Child' }, headers),
      ),
    );
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(new Set(answers.map(({ body }) => body.agentId)).size).toBe(1);
    expect(answers.filter(({ body }) => 'apiKey' in body)).toHaveLength(1);
    expect(await ask(root.key, root.id, { name: 'Else' }, headers)).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    });
    const ofTwin = await ask(twin.key, twin.id, {}, headers);
    expect(ofTwin.status).toBe(201);
    const { childCount } = (await h.ctx.store.agents.model.findById(root.id).lean())!;
    expect(childCount).toBe(1);
  });

  it('is refused under an agent that is suspended, revoked, or below one', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const postAction = (id: string, what: string) => h.client.post(`/v1/agents/${id}/${what}`, partner.liveKey, {});
    await postAction(root.id, 'suspend');
    expect((await ask(partner.liveKey, root.id)).body.code).toBe('AGENT_STATE');
    expect((await ask(partner.liveKey, child.id)).body.code).toBe('AGENT_STATE');
    await postAction(root.id, 'revoke');
    expect((await ask(partner.liveKey, child.id)).body.code).toBe('AGENT_REVOKED');
  });

  it('trips a breaker when a tree spawns in a storm, and answers 503 while nobody can count', async () => {
    const root = await register(h.client, partner.liveKey);
    await h.ctx.queueLink.client.set(
      `${h.ctx.keys.throttle('spawns')}:${root.id}`,
      SPAWNS_PER_ROOT_PER_MINUTE,
      'EX',
      60,
    );
    const answer = await ask(root.key, root.id);
    expect(answer).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.body.detail).toContain('spawn storms');
    const cut = await startSecondApi(h);
    cut.ctx.queueLink.client.disconnect();
    const away = await cut.client.post(`/v1/agents/${root.id}/spawn`, partner.liveKey, { name: 'x' });
    await cut.close();
    expect(away.status).toBe(503);
  });
});

describe('changing an agent', () => {
  it('binds all below it at once, in every process, when it is narrowed', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const leaf = await spawn(h.client, child.key, child.id);
    for (const { client } of [h, other]) expect(await eventStatus(client, leaf.key)).toBe(202);
    expect((await change(root.id, { allowedEventTypes: ['mir.review.*'] })).status).toBe(200);
    for (const { client } of [h, other]) {
      const { body } = await client.post('/v1/events', leaf.key, AN_EVENT);
      expect(body.code).toBe('EVENT_TYPE_NOT_ALLOWED');
    }
    await change(root.id, { rateLimitPerMinute: 7 });
    const { headers } = await other.client.get('/v1/events', leaf.key);
    expect(headers.get('ratelimit-policy')).toBe('"requests";q=7;w=60');
  });

  it('widens nothing beyond the parents, and lets narrowing pass even where they hold less by now', async () => {
    const root = await register(h.client, partner.liveKey, {
      allowedEventTypes: ['mir.transaction.*'],
      rateLimitPerMinute: 60,
    });
    const child = await spawn(h.client, root.key, root.id);
    const wide = await change(child.id, { allowedEventTypes: ['mir.*'], rateLimitPerMinute: 61 }, root.key);
    expect(wide).toMatchObject({ status: 403, body: { code: 'ESCALATION_DENIED' } });
    expect(wide.body.errors.map(({ path }: { path: string }) => path)).toEqual([
      'allowedEventTypes',
      'rateLimitPerMinute',
    ]);
    await change(root.id, { allowedEventTypes: ['mir.transaction.completed'] });
    const narrow = await change(child.id, {
      allowedEventTypes: ['mir.transaction.initiated', 'mir.transaction.completed'],
    });
    expect(narrow.status).toBe(200);
    expect((await change(child.id, { name: 'Renamed' })).body.name).toBe('Renamed');
    expect((await change(child.id, { rateLimitPerMinute: null })).body.rateLimitPerMinute).toBeNull();
    expect((await change(child.id, {})).status).toBe(422);
    expect((await change(child.id, { preset: 'ADMIN' })).body.errors[0].code).toBe('UNKNOWN_FIELD');
  });

  it('keeps an AI agent’s list explicit', async () => {
    const { id } = await register(h.client, partner.liveKey, AI);
    for (const allowedEventTypes of [[], ['*'], ['mir.*']]) {
      expect((await change(id, { allowedEventTypes })).body.code).toBe('ALLOWLIST_REQUIRED');
    }
  });

  it('keeps both of two changes made at once in two processes, and tells the audit of each', async () => {
    const { id } = await register(h.client, partner.liveKey);
    const path = `/v1/agents/${id}`;
    await Promise.all([
      h.client.request('PATCH', path, { key: partner.liveKey, body: { name: 'A' } }),
      other.client.request('PATCH', path, { key: partner.liveKey, body: { rateLimitPerMinute: 9 } }),
    ]);
    expect((await h.client.get(path, partner.liveKey)).body).toMatchObject({ name: 'A', rateLimitPerMinute: 9 });
    expect(await auditOf(h.ctx, id)).toHaveLength(3);
    await change(id, { name: 'A' });
    expect(await auditOf(h.ctx, id)).toHaveLength(3);
  });
});

describe('a tree’s budget', () => {
  it('is shared by all below, to the unit', async () => {
    const perMinute = 40;
    const root = await register(h.client, partner.liveKey, { rateLimitPerMinute: perMinute });
    const kids = await Promise.all([1, 2, 3].map(() => spawn(h.client, partner.liveKey, root.id)));
    const leaves = await Promise.all(kids.map(({ id }) => spawn(h.client, partner.liveKey, id)));
    const startedAtMs = Date.now();
    const statuses = await Promise.all(
      [root, ...kids, ...leaves].flatMap(({ key }, n) =>
        Array.from({ length: 12 }, () => eventStatus((n % 2 ? h : other).client, key)),
      ),
    );
    const refilled = ((Date.now() - startedAtMs) * perMinute) / 60_000;
    const granted = statuses.filter((status) => status === 202).length;
    expect(new Set(statuses)).toEqual(new Set([202, 429]));
    expect(granted).toBeGreaterThanOrEqual(perMinute);
    expect(granted).toBeLessThanOrEqual(perMinute + refilled + 1);
  });
});
