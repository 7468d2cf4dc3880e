import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import {
  allowSpawning,
  approverKey,
  auditOf,
  register,
  spawn,
  startSecondApi,
  statusWith,
} from '../../../support/agents';

let h: Harness;
let secondApi: Awaited<ReturnType<typeof startSecondApi>>;
let partner: TestPartner;
/** A key of another person than the one who requests the agents. */
let approver: string;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  secondApi = await startSecondApi(h);
});
beforeEach(async () => {
  partner = await h.partner();
  await allowSpawning(h.client, partner, { approval: { fromDepth: 1 } });
  approver = await approverKey(h.client, partner);
});
afterAll(async () => {
  await secondApi.close();
  await h.close();
});

const requestSpawn = (parentId: string, body = {}, headers: Record<string, string> = {}) =>
  h.client.post(`/v1/agents/${parentId}/spawn`, partner.liveKey, { name: 'Child', ...body }, headers);
const decide = (approvalId: string, decision: 'approve' | 'reject', body?: unknown) =>
  h.client.request('POST', `/v1/agents/approvals/${approvalId}/${decision}`, {
    key: approver,
    ...(body === undefined ? {} : { body }),
  });
const postAction = (id: string, action: string, body: unknown = {}) =>
  h.client.post(`/v1/agents/${id}/${action}`, partner.liveKey, body);
const listPending = async () => (await h.client.get('/v1/agents/approvals', partner.liveKey)).body.data;

describe('spawn approval', () => {
  it('returns a pending agent without a key, and returns the key once a human approves the agent', async () => {
    const root = await register(h.client, partner.liveKey);
    const { status, body } = await h.client.post(`/v1/agents/${root.id}/spawn`, root.key, { name: 'Child' });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      status: 'PENDING_APPROVAL',
      keyPrefix: null,
      approvalId: expect.stringMatching(/^apr_/),
    });
    expect(body.apiKey).toBeUndefined();
    expect(await listPending()).toEqual([body]);
    const approved = await decide(body.approvalId, 'approve', { reason: 'for the sale' });
    const { approvalId: _, approvalExpiresAt: _at, ...agent } = body;
    expect(approved.status).toBe(200);
    expect(approved.body).toEqual({
      ...agent,
      status: 'ACTIVE',
      approvedBy: expect.stringMatching(/^key_/),
      keyPrefix: expect.any(String),
      apiKey: expect.stringMatching(/^mir_live_agent_/),
    });
    for (const { client } of [h, secondApi]) expect(await statusWith(client, approved.body.apiKey)).toBe(200);
    expect(await listPending()).toEqual([]);
    expect(
      (await auditOf(h.ctx, body.agentId)).map(({ action, actor, reason }) => [action, actor.kind, reason]),
    ).toEqual([
      ['agent.spawn.requested', 'AGENT', null],
      ['agent.approved', 'PARTNER', 'for the sale'],
    ]);
  });

  it('lets only one of several concurrent decisions on an approval succeed', async () => {
    const root = await register(h.client, partner.liveKey);
    const { body } = await requestSpawn(root.id);
    const responses = await Promise.all(
      Array.from({ length: 8 }, (_, n) => decide(body.approvalId, n % 2 ? 'approve' : 'reject')),
    );
    expect(responses.map(({ status }) => status).sort((a, b) => a - b)).toEqual([
      200,
      ...Array.from({ length: 7 }, () => 409),
    ]);
    const keys = responses.flatMap(({ body: { apiKey } }) => (apiKey === undefined ? [] : [apiKey as string]));
    const { body: agent } = await h.client.get(`/v1/agents/${body.agentId}`, partner.liveKey);
    expect(agent.status).toBe(keys.length === 1 ? 'ACTIVE' : 'REJECTED');
  });

  it('rejects every action on a rejected agent, including approval', async () => {
    const root = await register(h.client, partner.liveKey);
    const { body } = await requestSpawn(root.id);
    expect((await decide(body.approvalId, 'reject', { reason: 'no' })).body.status).toBe('REJECTED');
    expect(await decide(body.approvalId, 'approve')).toMatchObject({ status: 409, body: { code: 'AGENT_STATE' } });
    for (const action of ['suspend', 'reactivate', 'revoke', 'key/rotate', 'spawn']) {
      const response = await postAction(body.agentId, action, action === 'spawn' ? { name: 'x' } : {});
      expect(response.body.code).toBe('AGENT_STATE');
    }
  });

  it('returns the same 404 for another partner’s approval as for an unknown approval', async () => {
    const root = await register(h.client, partner.liveKey);
    const { body } = await requestSpawn(root.id);
    const otherPartner = await h.partner();
    const foreign = await h.client.post(`/v1/agents/approvals/${body.approvalId}/approve`, otherPartner.liveKey, {});
    const missing = await h.client.post('/v1/agents/approvals/apr_none/approve', otherPartner.liveKey, {});
    expect([foreign.status, foreign.body.detail]).toEqual([404, missing.body.detail]);
  });

  it('requires approval at or above the configured depth or tree size', async () => {
    await allowSpawning(h.client, partner, { approval: { fromDepth: 2, fromAgentsPerRoot: 4 } });
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, partner.liveKey, root.id);
    expect((await requestSpawn(child.id)).status).toBe(202);
    expect((await requestSpawn(root.id)).status).toBe(202);
  });

  it('does not count revoked and rejected agents toward the tree size that requires approval', async () => {
    await allowSpawning(h.client, partner, { approval: { fromAgentsPerRoot: 3 } });
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, partner.liveKey, root.id);
    for (let n = 0; n < 2; n += 1) {
      const { status, body } = await requestSpawn(root.id);
      expect(status).toBe(202);
      await decide(body.approvalId, 'reject');
    }
    await postAction(child.id, 'revoke');
    expect((await requestSpawn(root.id)).status).toBe(201);
    expect((await requestSpawn(root.id)).status).toBe(202);
    await allowSpawning(h.client, partner, { approval: { fromAgentsPerRoot: 1 } });
    const secondRoot = await register(h.client, partner.liveKey);
    expect((await requestSpawn(secondRoot.id)).status).toBe(202);
  });

  it('rechecks the ancestors, policy, permissions and limits when a spawn is approved', async () => {
    const root = await register(h.client, partner.liveKey, { rateLimitPerMinute: 60 });
    const { body } = await requestSpawn(root.id, { rateLimitPerMinute: 50 });
    const approvalCode = async () => (await decide(body.approvalId, 'approve')).body.code;
    const patchRoot = (changes: unknown) =>
      h.client.request('PATCH', `/v1/agents/${root.id}`, { key: partner.liveKey, body: changes });
    await patchRoot({ rateLimitPerMinute: 40 });
    expect(await approvalCode()).toBe('ESCALATION_DENIED');
    await patchRoot({ rateLimitPerMinute: 60 });
    await allowSpawning(h.client, partner, { spawnEnabled: false });
    expect(await approvalCode()).toBe('SPAWN_DISABLED');
    await allowSpawning(h.client, partner, { maxChildrenPerAgent: 1 });
    await postAction(root.id, 'suspend');
    expect(await approvalCode()).toBe('AGENT_STATE');
    await postAction(root.id, 'reactivate');
    await allowSpawning(h.client, partner, { maxAgentsPerRoot: 1 });
    expect(await approvalCode()).toBe('POLICY_LIMIT');
    await allowSpawning(h.client, partner, { maxAgentsPerRoot: 2, maxChildrenPerAgent: 1 });
    await postAction(root.id, 'revoke', { includeDescendants: true });
    expect(await approvalCode()).toBe('AGENT_REVOKED');
    expect(await listPending()).toEqual([]);
  });

  it('returns the same agent without a key when a spawn request is repeated, even after approval', async () => {
    const root = await register(h.client, partner.liveKey);
    const headers = { 'idempotency-key': 'later' };
    const first = await requestSpawn(root.id, {}, headers);
    const replay = await requestSpawn(root.id, {}, headers);
    expect([first.status, replay.status]).toEqual([202, 200]);
    expect(replay.body).toEqual(first.body);
    await decide(first.body.approvalId, 'approve');
    const after = await requestSpawn(root.id, {}, headers);
    expect(after.body.status).toBe('ACTIVE');
    expect(after.body.apiKey).toBeUndefined();
  });
});
