import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type AgentAccess, agentAccess } from '../../../../api/agents/agent-access';
import { requireSecondPerson } from '../../../../api/agents/approvals';
import { approveAgent } from '../../../../api/agents/approve-agent';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { tenantOf } from '../../../../shared/domain/ids';
import { STORE_TIMEOUT_MS } from '../../../../shared/store/connect';
import { allowSpawning, anAgent, approverKey, auditOf, register, statusWith } from '../../../support/agents';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { newMember } from '../../../support/staff';
import { lifetimeSteps } from './lifetime-steps';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
});
beforeEach(async () => {
  partner = await h.partner();
  await allowSpawning(h.client, partner, { approval: { presets: ['ADMIN'] } });
});
afterAll(() => h.close());

const post = (path: string, key: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  h.client.post(`/v1${path}`, key, body, headers);
const approve = (approvalId: string, key: string) => post(`/agents/approvals/${approvalId}/approve`, key);
const requestRoot = (key = partner.liveKey, changes = {}, headers = {}) =>
  post('/agents', key, anAgent(changes), headers);
const rejected = (response: TestResponse): void => expectProblem(response, 403, 'SECOND_PERSON_REQUIRED');
const newKey = async (by: string, scopes: string[]): Promise<{ keyId: string; apiKey: string }> =>
  (await post('/keys', by, { name: 'Any', scopes })).body;

describe('approval of chosen presets', () => {
  it('also applies to registration, and the approver gets the key', async () => {
    const { status, body } = await requestRoot(partner.liveKey, {}, { 'idempotency-key': 'root' });
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 'PENDING_APPROVAL', keyPrefix: null, approvedBy: null });
    expect(body.apiKey).toBeUndefined();
    expect(Date.parse(body.approvalExpiresAt) - Date.parse(body.createdAt)).toBe(7 * 24 * 3_600_000);
    const replay = await requestRoot(partner.liveKey, {}, { 'idempotency-key': 'root' });
    expect([replay.status, replay.body]).toEqual([200, body]);
    const approver = await newKey(partner.liveKey, ['agents:approve']);
    const approved = await approve(body.approvalId, approver.apiKey);
    expect(approved).toMatchObject({ status: 200, body: { status: 'ACTIVE', approvedBy: approver.keyId } });
    expect(await statusWith(h.client, approved.body.apiKey)).toBe(200);
    const entries = await auditOf(h.ctx, body.agentId);
    expect(entries.map(({ action }) => action)).toEqual(['agent.registration.requested', 'agent.approved']);
    expect(entries[1]).toMatchObject({
      actor: { kind: 'PARTNER', keyId: approver.keyId },
      after: { approvedBy: approver.keyId },
    });
  });

  it('does not apply to other presets', async () => {
    expect((await requestRoot(partner.liveKey, { preset: 'STANDARD' })).status).toBe(201);
  });

  it('applies to spawned agents, with inherited presets, too', async () => {
    await allowSpawning(h.client, partner);
    const root = await register(h.client, partner.liveKey);
    await allowSpawning(h.client, partner, { approval: { presets: ['ADMIN'] } });
    expect((await post(`/agents/${root.id}/spawn`, root.key, { name: 'Child' })).status).toBe(202);
    expect((await post(`/agents/${root.id}/spawn`, root.key, { name: 'Child', preset: 'STANDARD' })).status).toBe(201);
  });
});

describe('the second person', () => {
  it('is not the key that requested the agent, also after that key was rotated', async () => {
    const { body } = await requestRoot();
    rejected(await approve(body.approvalId, partner.liveKey));
    const { keyId, apiKey } = await newKey(partner.liveKey, ['agents:manage-all', 'agents:approve']);
    const pending = await requestRoot(apiKey);
    const { body: rotated } = await post(`/keys/${keyId}/rotate`, partner.liveKey, {});
    rejected(await approve(pending.body.approvalId, rotated.apiKey));
    expect((await approve(pending.body.approvalId, partner.liveKey)).status).toBe(200);
  });

  it('is not the member who requested the agent, or a key that this member created', async () => {
    const [ana, bea] = [
      await newMember(h, partner.partnerId, 'ADMINISTRATOR'),
      await newMember(h, partner.partnerId, 'AGENT_MANAGER'),
    ];
    const { apiKey } = await newKey(ana.accessToken, ['agents:manage-all', 'agents:approve']);
    const byMember = await requestRoot(ana.accessToken);
    const byKey = await requestRoot(apiKey);
    for (const { body } of [byMember, byKey]) {
      for (const key of [ana.accessToken, apiKey]) rejected(await approve(body.approvalId, key));
      const approved = await approve(body.approvalId, bea.accessToken);
      expect(approved).toMatchObject({ status: 200, body: { approvedBy: bea.memberId } });
    }
    const [, entry] = await auditOf(h.ctx, byMember.body.agentId);
    expect(entry).toMatchObject({ actor: { kind: 'MEMBER', memberId: bea.memberId } });
  });

  it('may be anyone with the right to approve if an agent requested the spawn', async () => {
    await allowSpawning(h.client, partner);
    const root = await register(h.client, partner.liveKey);
    await allowSpawning(h.client, partner, { approval: { fromDepth: 1 } });
    const { body } = await post(`/agents/${root.id}/spawn`, root.key, { name: 'Child' });
    expect((await approve(body.approvalId, partner.liveKey)).status).toBe(200);
  });

  it('is recognized by the creator of an agent that an earlier version stored', async () => {
    const { body } = await requestRoot();
    await h.ctx.store.agents.model.updateOne(
      { _id: body.agentId },
      { $unset: { requestedBy: 1, approvalExpiresAt: 1 } },
    );
    rejected(await approve(body.approvalId, partner.liveKey));
    expect((await approve(body.approvalId, await approverKey(h.client, partner))).status).toBe(200);
  });
});

/** Returns the access of a request with this key that has been authorized, but has not started its transaction. */
async function authorized(key: string): Promise<AgentAccess> {
  const parsed = parseApiKey(key)!;
  const entries = [{ cost: 1, grant: 'whole' as const, chunkIds: [] }];
  const admission = await h.ctx.authorizer.authorize(parsed, 'requests', 'agents:approve', entries);
  const tenant = tenantOf(partner.partnerId, 'live');
  const caller = { key: parsed, tenant, admission, charge: () => Promise.resolve() };
  return agentAccess({ caller, headers: {}, requestId: 'late' }, { write: true });
}

describe('an approval in progress', () => {
  /** Ways in which an approver loses the right to approve. Each returns the approver's key and how to take the right away. */
  const LOSSES: Record<string, () => Promise<{ key: string; lose: () => Promise<TestResponse>; code: string }>> = {
    'a revoked key': async () => {
      const { keyId, apiKey } = await newKey(partner.liveKey, ['agents:approve']);
      return {
        key: apiKey,
        lose: () => post(`/keys/${keyId}/revoke`, partner.liveKey),
        code: 'API_KEY_INVALID',
      };
    },
    'a demoted member': async () => {
      const admin = await newMember(h, partner.partnerId, 'ADMINISTRATOR');
      const { memberId, accessToken } = await newMember(h, partner.partnerId, 'AGENT_MANAGER');
      const body = { role: 'VIEWER' };
      const change = { key: admin.accessToken, body };
      return {
        key: accessToken,
        lose: () => h.client.request('PATCH', `/v1/members/${memberId}`, change),
        code: 'API_KEY_INVALID',
      };
    },
    'a member whose session ended': async () => {
      const { sessionToken, accessToken } = await newMember(h, partner.partnerId, 'AGENT_MANAGER');
      const headers = { authorization: `Bearer ${sessionToken}` };
      return {
        key: accessToken,
        lose: () => h.client.request('DELETE', '/v1/staff/sessions/current', { headers }),
        code: 'API_KEY_INVALID',
      };
    },
    'a suspended partner': async () => {
      const headers = { 'x-admin-token': h.env['ADMIN_TOKEN']! };
      const change = { headers, body: { suspended: true, reason: 'test' } };
      return {
        key: await approverKey(h.client, partner),
        lose: () => h.client.request('PATCH', `/admin/partners/${partner.partnerId}`, change),
        code: 'PARTNER_SUSPENDED',
      };
    },
  };
  const losses = Object.entries(LOSSES).map(([name, prepare]) => ({ name, prepare }));

  it.each(losses)('by $name is rejected, and the agent gets no key', async ({ prepare }) => {
    const { body } = await requestRoot();
    const { key, lose, code } = await prepare();
    const access = await authorized(key);
    expect((await lose()).status).toBe(200);
    await expect(approveAgent(h.ctx, access, body.approvalId)).rejects.toMatchObject({ code });
    const agent = await h.ctx.store.agents.get(access.tenant, body.agentId);
    expect(agent).toMatchObject({ status: 'PENDING_APPROVAL', key: null });
  });

  it.each(losses)('by $name is rejected even if its transaction has already begun', async ({ prepare }) => {
    const { body } = await requestRoot();
    const { key, lose, code } = await prepare();
    const access = await authorized(key);
    const { store } = h.ctx;
    let isLost = false;
    const check = store.transaction(async (session) => {
      // The first read determines what the transaction sees.
      const agent = (await store.agents.get(access.tenant, body.agentId, session))!;
      if (!isLost) expect((await lose()).status).toBe(200);
      isLost = true;
      return requireSecondPerson(h.ctx, access, agent, { now: new Date(), session });
    }, STORE_TIMEOUT_MS);
    await expect(check).rejects.toMatchObject({ code });
  });

  it('is rejected once an ancestor was killed', async () => {
    await allowSpawning(h.client, partner);
    const root = await register(h.client, partner.liveKey);
    await allowSpawning(h.client, partner, { approval: { fromDepth: 1 } });
    const { body } = await post(`/agents/${root.id}/spawn`, root.key, { name: 'Child' });
    const access = await authorized(partner.liveKey);
    expect((await post(`/agents/${root.id}/revoke-descendants`, partner.liveKey)).status).toBe(202);
    await expect(approveAgent(h.ctx, access, body.approvalId)).rejects.toMatchObject({ code: 'AGENT_REVOKED' });
    expectProblem(await approve(body.approvalId, partner.liveKey), 409, 'AGENT_REVOKED');
  });
});

describe('the time to approve', () => {
  it('ends as the policy at the request says, and the sweep records it', async () => {
    const approver = await approverKey(h.client, partner);
    await allowSpawning(h.client, partner, { approval: { presets: ['ADMIN'], expiresInSeconds: 60 } });
    const { body } = await requestRoot();
    await allowSpawning(h.client, partner, { approval: { presets: ['ADMIN'] } });
    const { model } = h.ctx.store.agents;
    const stored = (await model.findById(body.agentId).lean())!;
    expect(stored.expiryCheckAt).toEqual(stored.approvalExpiresAt);
    expect(stored.approvalExpiresAt!.getTime() - stored.createdAt.getTime()).toBe(60_000);
    const past = new Date(Date.now() - 1_000);
    await model.updateOne({ _id: body.agentId }, { approvalExpiresAt: past, expiryCheckAt: past });
    expectProblem(await approve(body.approvalId, approver), 409, 'APPROVAL_EXPIRED');
    await lifetimeSteps(h).sweep();
    expect((await model.findById(body.agentId).lean())!).toMatchObject({ status: 'EXPIRED', key: null });
    const entry = (await auditOf(h.ctx, body.agentId)).at(-1)!;
    expect(entry).toMatchObject({ action: 'agent.expired', after: { cause: 'APPROVAL_EXPIRED' } });
    expectProblem(await approve(body.approvalId, approver), 409, 'APPROVAL_EXPIRED');
    expect((await h.client.get('/v1/agents/approvals', partner.liveKey)).body.data).toEqual([]);
  });

  it('no longer matters once the agent is approved', async () => {
    const { body } = await requestRoot();
    expect((await approve(body.approvalId, await approverKey(h.client, partner))).status).toBe(200);
    const past = new Date(Date.now() - 1_000);
    await h.ctx.store.agents.model.updateOne({ _id: body.agentId }, { approvalExpiresAt: past, expiryCheckAt: past });
    await lifetimeSteps(h).sweep();
    expect((await h.client.get(`/v1/agents/${body.agentId}`, partner.liveKey)).body.status).toBe('ACTIVE');
  });
});
