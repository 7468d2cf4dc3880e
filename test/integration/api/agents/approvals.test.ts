import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { allowSpawning, auditOf, register, spawn, startSecondApi, statusWith } from '../../../support/agents';

let h: Harness;
let other: Awaited<ReturnType<typeof startSecondApi>>;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  other = await startSecondApi(h);
});
beforeEach(async () => {
  partner = await h.partner();
  await allowSpawning(h.client, partner, { approval: { fromDepth: 1 } });
});
afterAll(async () => {
  await other.close();
  await h.close();
});

const ask = (parentId: string, body = {}, headers: Record<string, string> = {}) =>
  h.client.post(`/v1/agents/${parentId}/spawn`, partner.liveKey, { name: 'Child', ...body }, headers);
const decide = (approvalId: string, how: 'approve' | 'reject', body?: unknown) =>
  h.client.request('POST', `/v1/agents/approvals/${approvalId}/${how}`, {
    key: partner.liveKey,
    ...(body === undefined ? {} : { body }),
  });
const postAction = (id: string, what: string, body: unknown = {}) =>
  h.client.post(`/v1/agents/${id}/${what}`, partner.liveKey, body);
const waiting = async () => (await h.client.get('/v1/agents/approvals', partner.liveKey)).body.data;

describe('an approval', () => {
  it('lets the agent wait without a key, and gives the key to the human who approves', async () => {
    const root = await register(h.client, partner.liveKey);
    const { status, body } = await h.client.post(`/v1/agents/${root.id}/spawn`, root.key, { name: 'Child' });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      status: 'PENDING_APPROVAL',
      keyPrefix: null,
      approvalId: expect.stringMatching(/^apr_/),
    });
    expect(body.apiKey).toBeUndefined();
    expect(await waiting()).toEqual([body]);
    const approved = await decide(body.approvalId, 'approve', { reason: 'for the sale' });
    const { approvalId: _, ...agent } = body;
    expect(approved.status).toBe(200);
    expect(approved.body).toEqual({
      ...agent,
      status: 'ACTIVE',
      keyPrefix: expect.any(String),
      apiKey: expect.stringMatching(/^mir_live_agent_/),
    });
    for (const { client } of [h, other]) expect(await statusWith(client, approved.body.apiKey)).toBe(200);
    expect(await waiting()).toEqual([]);
    expect(
      (await auditOf(h.ctx, body.agentId)).map(({ action, actor, reason }) => [action, actor.kind, reason]),
    ).toEqual([
      ['agent.spawn.requested', 'AGENT', null],
      ['agent.approved', 'PARTNER', 'for the sale'],
    ]);
  });

  it('is given or refused once: of many decisions at once one counts', async () => {
    const root = await register(h.client, partner.liveKey);
    const { body } = await ask(root.id);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => decide(body.approvalId, n % 2 ? 'approve' : 'reject')),
    );
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 7 }, () => 409),
    ]);
    const keys = answers.flatMap(({ body: { apiKey } }) => (apiKey === undefined ? [] : [apiKey as string]));
    const { body: agent } = await h.client.get(`/v1/agents/${body.agentId}`, partner.liveKey);
    expect(agent.status).toBe(keys.length === 1 ? 'ACTIVE' : 'REJECTED');
  });

  it('cannot be given after it was refused', async () => {
    const root = await register(h.client, partner.liveKey);
    const { body } = await ask(root.id);
    expect((await decide(body.approvalId, 'reject', { reason: 'no' })).body.status).toBe('REJECTED');
    expect(await decide(body.approvalId, 'approve')).toMatchObject({ status: 409, body: { code: 'AGENT_STATE' } });
    for (const what of ['suspend', 'reactivate', 'revoke', 'key/rotate', 'spawn']) {
      const answer = await postAction(body.agentId, what, what === 'spawn' ? { name: 'x' } : {});
      expect(answer.body.code).toBe('AGENT_STATE');
    }
  });

  it('answers alike for a foreign and a missing one', async () => {
    const root = await register(h.client, partner.liveKey);
    const { body } = await ask(root.id);
    const stranger = await h.partner();
    const foreign = await h.client.post(`/v1/agents/approvals/${body.approvalId}/approve`, stranger.liveKey, {});
    const missing = await h.client.post('/v1/agents/approvals/apr_none/approve', stranger.liveKey, {});
    expect([foreign.status, foreign.body.detail]).toEqual([404, missing.body.detail]);
  });

  it('is asked from a depth on, or from a size of the tree on', async () => {
    await allowSpawning(h.client, partner, { approval: { fromDepth: 2, fromAgentsPerRoot: 4 } });
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, partner.liveKey, root.id);
    expect((await ask(child.id)).status).toBe(202);
    expect((await ask(root.id)).status).toBe(202);
  });

  it('is asked by the number of the living: whoever is rejected or revoked makes room', async () => {
    await allowSpawning(h.client, partner, { approval: { fromAgentsPerRoot: 3 } });
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, partner.liveKey, root.id);
    for (let n = 0; n < 2; n += 1) {
      const { status, body } = await ask(root.id);
      expect(status).toBe(202);
      await decide(body.approvalId, 'reject');
    }
    await postAction(child.id, 'revoke');
    expect((await ask(root.id)).status).toBe(201);
    expect((await ask(root.id)).status).toBe(202);
    await allowSpawning(h.client, partner, { approval: { fromAgentsPerRoot: 1 } });
    const other = await register(h.client, partner.liveKey);
    expect((await ask(other.id)).status).toBe(202);
  });

  it('is checked again when it is given: state above, policy, rights, limits', async () => {
    const root = await register(h.client, partner.liveKey, { rateLimitPerMinute: 60 });
    const { body } = await ask(root.id, { rateLimitPerMinute: 50 });
    const code = async () => (await decide(body.approvalId, 'approve')).body.code;
    const change = (changes: unknown) =>
      h.client.request('PATCH', `/v1/agents/${root.id}`, { key: partner.liveKey, body: changes });
    await change({ rateLimitPerMinute: 40 });
    expect(await code()).toBe('ESCALATION_DENIED');
    await change({ rateLimitPerMinute: 60 });
    await allowSpawning(h.client, partner, { spawnEnabled: false });
    expect(await code()).toBe('SPAWN_DISABLED');
    await allowSpawning(h.client, partner, { maxChildrenPerAgent: 1 });
    await postAction(root.id, 'suspend');
    expect(await code()).toBe('AGENT_STATE');
    await postAction(root.id, 'reactivate');
    await allowSpawning(h.client, partner, { maxAgentsPerRoot: 1 });
    expect(await code()).toBe('POLICY_LIMIT');
    await allowSpawning(h.client, partner, { maxAgentsPerRoot: 2, maxChildrenPerAgent: 1 });
    await postAction(root.id, 'revoke', { includeDescendants: true });
    expect(await code()).toBe('AGENT_REVOKED');
    expect(await waiting()).toEqual([]);
  });

  it('is replayed with its request: the same pending agent', async () => {
    const root = await register(h.client, partner.liveKey);
    const headers = { 'idempotency-key': 'later' };
    const first = await ask(root.id, {}, headers);
    const again = await ask(root.id, {}, headers);
    expect([first.status, again.status]).toEqual([202, 200]);
    expect(again.body).toEqual(first.body);
    await decide(first.body.approvalId, 'approve');
    const after = await ask(root.id, {}, headers);
    expect(after.body.status).toBe('ACTIVE');
    expect(after.body.apiKey).toBeUndefined();
  });
});
