import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentAccess } from '../../../../api/agents/agent-access';
import { killSubtree } from '../../../../api/agents/kill-subtree';
import { rotateAgentKey } from '../../../../api/agents/rotate-agent-key';
import { spawnAgent } from '../../../../api/agents/spawn-agent';
import { tenantOf } from '../../../../shared/domain/ids';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import {
  allowSpawning,
  auditOf,
  eventStatus,
  register,
  spawn,
  startSecondApi,
  statusWith,
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

const postAction = (id: string, what: string, body?: unknown, key = partner.liveKey) =>
  h.client.request('POST', `/v1/agents/${id}/${what}`, body === undefined ? { key } : { key, body });
const get = (id: string, key = partner.liveKey) => h.client.get(`/v1/agents/${id}`, key);
const both = async (key: string): Promise<number[]> => [
  await statusWith(h.client, key),
  await statusWith(other.client, key),
];

describe('a caller that was authorized before it was revoked or suspended', () => {
  it.each([
    ['revoke', {}, 'AGENT_KEY_REVOKED'],
    ['revoke', { includeDescendants: true }, 'AGENT_KEY_REVOKED'],
    ['suspend', {}, 'AGENT_SUSPENDED'],
    ['suspend', { includeDescendants: true }, 'AGENT_SUSPENDED'],
  ])('changes nothing below itself any more (%s %j)', async (what, body, code) => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const admitted: AgentAccess = {
      tenant: tenantOf(partner.partnerId, 'live'),
      partnerId: partner.partnerId,
      self: root.id,
      auditContext: { actor: { kind: 'AGENT', agentId: root.id }, requestId: 'late', at: new Date() },
      idempotencyKey: null,
    };
    await postAction(root.id, what, body);
    await expect(rotateAgentKey(h.ctx, admitted, child.id)).rejects.toMatchObject({ code });
    await expect(spawnAgent(h.ctx, admitted, root.id, { name: 'Late' })).rejects.toMatchObject({ code });
    const { tenant, auditContext: late } = admitted;
    const order = { tenant, agentId: child.id, rootId: root.id, reason: null, actor: late.actor, requestId: 'late' };
    await expect(killSubtree(h.ctx, order)).rejects.toMatchObject({ code });
    expect((await h.ctx.store.agents.get(tenant, child.id))!.killedAt).toBeNull();
    expect((await auditOf(h.ctx, child.id)).map(({ requestId }) => requestId)).not.toContain('late');
  });
});

describe('suspending and reactivating', () => {
  it('ends that agent alone on the next request in every process, without a body too, until it is lifted', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    expect([await both(root.key), await both(child.key)]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    const { status, body } = await postAction(root.id, 'suspend');
    expect([status, body.status]).toEqual([200, 'SUSPENDED']);
    expect([await both(root.key), await both(child.key)]).toEqual([
      [403, 403],
      [200, 200],
    ]);
    expect((await postAction(root.id, 'reactivate', { reason: 'was a drill' })).body.status).toBe('ACTIVE');
    expect(await both(root.key)).toEqual([200, 200]);
    const entries = await auditOf(h.ctx, root.id);
    expect(entries.map(({ action, reason }) => [action, reason]).slice(1)).toEqual([
      ['agent.suspended', null],
      ['agent.reactivated', 'was a drill'],
    ]);
    expect(entries[1]).toMatchObject({ before: { status: 'ACTIVE' }, after: { status: 'SUSPENDED' } });
  });

  it('takes the subtree along when asked, and lifts only what was set there', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const leaf = await spawn(h.client, child.key, child.id);
    await postAction(child.id, 'suspend');
    await postAction(root.id, 'suspend', { includeDescendants: true });
    for (const { key } of [root, child, leaf]) expect(await both(key)).toEqual([403, 403]);
    expect((await get(leaf.id)).body.status).toBe('SUSPENDED');
    expect((await postAction(child.id, 'reactivate')).body.status).toBe('SUSPENDED');
    await postAction(child.id, 'suspend');
    expect((await postAction(root.id, 'reactivate')).body.status).toBe('ACTIVE');
    expect(await both(root.key)).toEqual([200, 200]);
    expect(await both(child.key)).toEqual([403, 403]);
    expect(await both(leaf.key)).toEqual([200, 200]);
  });

  it('tells the audit nothing when nothing changes', async () => {
    const { id } = await register(h.client, partner.liveKey);
    for (const what of ['reactivate', 'suspend', 'suspend', 'reactivate', 'reactivate']) {
      expect((await postAction(id, what)).status).toBe(200);
    }
    expect((await auditOf(h.ctx, id)).map(({ action }) => action)).toEqual([
      'agent.registered',
      'agent.suspended',
      'agent.reactivated',
    ]);
  });
});

describe('revoking', () => {
  it('is final: the key is nulled and refused everywhere, and nothing brings the agent back', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const { body } = await postAction(root.id, 'revoke', { reason: 'stolen laptop' });
    expect([body.status, body.keyPrefix]).toEqual(['REVOKED', null]);
    expect(await both(root.key)).toEqual([401, 401]);
    expect(await both(child.key)).toEqual([200, 200]);
    for (const what of ['suspend', 'reactivate', 'revoke', 'key/rotate']) {
      expect(await postAction(root.id, what)).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
    }
    const spawned = await h.client.post(`/v1/agents/${root.id}/spawn`, partner.liveKey, { name: 'x' });
    expect(spawned.body.code).toBe('AGENT_REVOKED');
    expect((await h.ctx.store.agents.model.findById(root.id).lean())!.key).toBeNull();
    const [, entry] = await auditOf(h.ctx, root.id);
    expect(entry).toMatchObject({ action: 'agent.revoked', reason: 'stolen laptop', after: { status: 'REVOKED' } });
  });

  it('takes the subtree along when asked, also of an agent that was revoked alone', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await spawn(h.client, root.key, root.id);
    const leaf = await spawn(h.client, child.key, child.id);
    await postAction(root.id, 'revoke');
    expect(await both(leaf.key)).toEqual([200, 200]);
    expect((await postAction(root.id, 'revoke', { includeDescendants: true })).body.status).toBe('REVOKED');
    for (const { key, id } of [root, child, leaf]) {
      expect(await both(key)).toEqual([401, 401]);
      expect((await get(id)).body.status).toBe('REVOKED');
      for (const what of ['suspend', 'reactivate', 'key/rotate']) {
        expect(await postAction(id, what)).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
      }
    }
  });
});

describe('rotating', () => {
  it('has the old key refused by every process after its answer, and the new one taken', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    expect(await both(key)).toEqual([200, 200]);
    const { body } = await postAction(id, 'key/rotate');
    expect(body).toEqual({ agentId: id, apiKey: expect.stringMatching(/^mir_live_agent_/) });
    // The new key first: what it caches must not let the old one in again.
    expect(await both(body.apiKey)).toEqual([200, 200]);
    expect(await both(key)).toEqual([401, 401]);
    const entries = await auditOf(h.ctx, id);
    expect(entries.map(({ action }) => action)).toEqual(['agent.registered', 'agent.key.rotated']);
    const text = JSON.stringify(entries);
    const stored = await h.ctx.store.agents.model.findById(id).lean();
    expect(text).not.toContain(stored!.key!.hash);
    expect(text).not.toContain(body.apiKey);
  });

  it('leaves exactly one living key when many rotate at once, in two processes', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        (n % 2 ? h : other).client.post(`/v1/agents/${id}/key/rotate`, partner.liveKey, {}),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const keys = [key, ...answers.map(({ body }) => body.apiKey as string)];
    const statuses = await Promise.all(keys.map((one) => both(one)));
    expect(statuses.filter((ofBoth) => ofBoth.includes(200))).toEqual([[200, 200]]);
    expect(await auditOf(h.ctx, id)).toHaveLength(13);
  });

  it('never lets a key back in that requests keep using while it is rotated', async () => {
    const { id, key } = await register(h.client, partner.liveKey);
    const rotated = { done: false };
    const use = async (client: typeof h.client): Promise<void> => {
      while (!rotated.done) await eventStatus(client, key);
    };
    const traffic = [use(h.client), use(other.client)];
    await postAction(id, 'key/rotate');
    const after = await Promise.all(Array.from({ length: 10 }, () => both(key)));
    rotated.done = true;
    await Promise.all(traffic);
    expect(new Set(after.flat())).toEqual(new Set([401]));
  });

  it('gives a suspended agent a new key that stays suspended', async () => {
    const { id } = await register(h.client, partner.liveKey);
    await postAction(id, 'suspend');
    const { body } = await postAction(id, 'key/rotate');
    expect(await both(body.apiKey)).toEqual([403, 403]);
    await postAction(id, 'reactivate');
    expect(await both(body.apiKey)).toEqual([200, 200]);
  });
});
