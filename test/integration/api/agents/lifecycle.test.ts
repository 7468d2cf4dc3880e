import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentAccess } from '../../../../api/agents/agent-access';
import { killSubtree } from '../../../../api/agents/kill-subtree';
import { rotateAgentKey } from '../../../../api/agents/rotate-agent-key';
import { spawnAgent } from '../../../../api/agents/spawn-agent';
import { tenantOf } from '../../../../shared/domain/ids';
import type { Harness, TestPartner } from '../../../support/harness';
import { auditOf, eventStatus, register, spawn } from '../../../support/agents';
import { startTwoApis, type TwoApis } from './two-apis';

let apis: TwoApis;
let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, partner } = apis);
});
afterAll(() => apis.close());

describe('requests in progress when their agent is revoked or suspended', () => {
  it.each([
    ['revoke', {}, 'AGENT_KEY_REVOKED'],
    ['revoke', { includeDescendants: true }, 'AGENT_KEY_REVOKED'],
    ['suspend', {}, 'AGENT_SUSPENDED'],
    ['suspend', { includeDescendants: true }, 'AGENT_SUSPENDED'],
  ])(
    "rejects an agent's changes even if they were authorized before the revocation or suspension (%s %j)",
    async (action, body, code) => {
      const root = await register(h.client, partner.liveKey);
      const child = await spawn(h.client, root.key, root.id);
      const access: AgentAccess = {
        tenant: tenantOf(partner.partnerId, 'live'),
        partnerId: partner.partnerId,
        self: root.id,
        callerId: root.id,
        caller: null,
        auditContext: { actor: { kind: 'AGENT', agentId: root.id }, requestId: 'late', at: new Date() },
        idempotencyKey: null,
      };
      await apis.postAction(root.id, action, body);
      await expect(rotateAgentKey(h.ctx, access, child.id)).rejects.toMatchObject({ code });
      await expect(spawnAgent(h.ctx, access, root.id, { name: 'Late' })).rejects.toMatchObject({ code });
      const { tenant, auditContext } = access;
      const { actor, requestId } = auditContext;
      const order = { tenant, agentId: child.id, rootId: root.id, reason: null, actor, requestId };
      await expect(killSubtree(h.ctx, order)).rejects.toMatchObject({ code });
      expect((await h.ctx.store.agents.get(tenant, child.id))!.killedAt).toBeNull();
      expect((await auditOf(h.ctx, child.id)).map(({ requestId }) => requestId)).not.toContain('late');
    },
  );
});

describe('suspend and reactivate', () => {
  it('suspends only the agent itself, immediately and on every process, until it is reactivated', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    expect([await apis.statusesWith(root.key), await apis.statusesWith(child.key)]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    const { status, body } = await apis.postAction(root.id, 'suspend');
    expect([status, body.status]).toEqual([200, 'SUSPENDED']);
    expect([await apis.statusesWith(root.key), await apis.statusesWith(child.key)]).toEqual([
      [403, 403],
      [200, 200],
    ]);
    expect((await apis.postAction(root.id, 'reactivate', { reason: 'was a drill' })).body.status).toBe('ACTIVE');
    expect(await apis.statusesWith(root.key)).toEqual([200, 200]);
    const entries = await auditOf(h.ctx, root.id);
    expect(entries.map(({ action, reason }) => [action, reason]).slice(1)).toEqual([
      ['agent.suspended', null],
      ['agent.reactivated', 'was a drill'],
    ]);
    expect(entries[1]).toMatchObject({ before: { status: 'ACTIVE' }, after: { status: 'SUSPENDED' } });
  });

  it('suspends the whole subtree with includeDescendants, and lifts only that suspension on reactivation', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const leaf = await spawn(h.client, child.key, child.id);
    await apis.postAction(child.id, 'suspend');
    await apis.postAction(root.id, 'suspend', { includeDescendants: true });
    for (const { key } of [root, child, leaf]) expect(await apis.statusesWith(key)).toEqual([403, 403]);
    expect((await apis.getAgent(leaf.id)).body.status).toBe('SUSPENDED');
    expect((await apis.postAction(child.id, 'reactivate')).body.status).toBe('SUSPENDED');
    await apis.postAction(child.id, 'suspend');
    expect((await apis.postAction(root.id, 'reactivate')).body.status).toBe('ACTIVE');
    expect(await apis.statusesWith(root.key)).toEqual([200, 200]);
    expect(await apis.statusesWith(child.key)).toEqual([403, 403]);
    expect(await apis.statusesWith(leaf.key)).toEqual([200, 200]);
  });

  it('does not write an audit entry when suspend or reactivate has no effect', async () => {
    const { id } = await register(h.client, partner.liveKey);
    for (const action of ['reactivate', 'suspend', 'suspend', 'reactivate', 'reactivate']) {
      expect((await apis.postAction(id, action)).status).toBe(200);
    }
    expect((await auditOf(h.ctx, id)).map(({ action }) => action)).toEqual([
      'agent.registered',
      'agent.suspended',
      'agent.reactivated',
    ]);
  });
});

describe('revoke', () => {
  it('rejects a revoked agent’s key on every process, and rejects any attempt to restore the agent', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const { body } = await apis.postAction(root.id, 'revoke', { reason: 'stolen laptop' });
    expect([body.status, body.keyPrefix]).toEqual(['REVOKED', null]);
    expect(await apis.statusesWith(root.key)).toEqual([401, 401]);
    expect(await apis.statusesWith(child.key)).toEqual([200, 200]);
    for (const action of ['suspend', 'reactivate', 'revoke', 'key/rotate']) {
      expect(await apis.postAction(root.id, action)).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
    }
    const spawned = await h.client.post(`/v1/agents/${root.id}/spawn`, partner.liveKey, { name: 'x' });
    expect(spawned.body.code).toBe('AGENT_REVOKED');
    expect((await h.ctx.store.agents.model.findById(root.id).lean())!.key).toBeNull();
    const [, entry] = await auditOf(h.ctx, root.id);
    expect(entry).toMatchObject({ action: 'agent.revoked', reason: 'stolen laptop', after: { status: 'REVOKED' } });
  });

  it('revokes the subtree with includeDescendants, even when its root was already revoked separately', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const leaf = await spawn(h.client, child.key, child.id);
    await apis.postAction(root.id, 'revoke');
    expect(await apis.statusesWith(leaf.key)).toEqual([200, 200]);
    expect((await apis.postAction(root.id, 'revoke', { includeDescendants: true })).body.status).toBe('REVOKED');
    for (const { key, id } of [root, child, leaf]) {
      expect(await apis.statusesWith(key)).toEqual([401, 401]);
      expect((await apis.getAgent(id)).body.status).toBe('REVOKED');
      for (const action of ['suspend', 'reactivate', 'key/rotate']) {
        expect(await apis.postAction(id, action)).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
      }
    }
  });
});

describe('key rotation', () => {
  it('rejects an agent’s old key and accepts the new key on every process once rotation returns', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    expect(await apis.statusesWith(key)).toEqual([200, 200]);
    const { body } = await apis.postAction(id, 'key/rotate');
    expect(body).toEqual({ agentId: id, apiKey: expect.stringMatching(/^mir_live_agent_/) });
    // Try the new key first, because caching it must not make the old key valid again.
    expect(await apis.statusesWith(body.apiKey)).toEqual([200, 200]);
    expect(await apis.statusesWith(key)).toEqual([401, 401]);
    const entries = await auditOf(h.ctx, id);
    expect(entries.map(({ action }) => action)).toEqual(['agent.registered', 'agent.key.rotated']);
    const text = JSON.stringify(entries);
    const stored = await h.ctx.store.agents.model.findById(id).lean();
    expect(text).not.toContain(stored!.key!.hash);
    expect(text).not.toContain(body.apiKey);
  });

  it('leaves exactly one valid key after concurrent rotations on two processes', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    const responses = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        (n % 2 ? h : apis.secondApi).client.post(`/v1/agents/${id}/key/rotate`, partner.liveKey, {}),
      ),
    );
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    const keys = [key, ...responses.map(({ body }) => body.apiKey as string)];
    const statuses = await Promise.all(keys.map((each) => apis.statusesWith(each)));
    expect(statuses.filter((onBothApis) => onBothApis.includes(200))).toEqual([[200, 200]]);
    expect(await auditOf(h.ctx, id)).toHaveLength(13);
  });

  it('rejects an agent’s old key after rotation even while requests keep using it', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    const rotated = { done: false };
    const use = async (client: typeof h.client): Promise<void> => {
      while (!rotated.done) await eventStatus(client, key);
    };
    const traffic = [use(h.client), use(apis.secondApi.client)];
    await apis.postAction(id, 'key/rotate');
    const after = await Promise.all(Array.from({ length: 10 }, () => apis.statusesWith(key)));
    rotated.done = true;
    await Promise.all(traffic);
    expect(new Set(after.flat())).toEqual(new Set([401]));
  });

  it('keeps a suspended agent suspended after its key is rotated', async () => {
    const { id } = await register(h.client, partner.liveKey);
    await apis.postAction(id, 'suspend');
    const { body } = await apis.postAction(id, 'key/rotate');
    expect(await apis.statusesWith(body.apiKey)).toEqual([403, 403]);
    await apis.postAction(id, 'reactivate');
    expect(await apis.statusesWith(body.apiKey)).toEqual([200, 200]);
  });
});
