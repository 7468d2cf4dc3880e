import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { anAgent, auditOf, register, type TestAgent } from '../../../support/agents';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { type LifetimeSteps, lifetimeSteps } from './lifetime-steps';
import { startTwoApis, type TwoApis } from './two-apis';

const HOUR_MS = 3_600_000;

let apis: TwoApis;
let h: Harness;
let partner: TestPartner;
let steps: LifetimeSteps;
beforeAll(async () => {
  apis = await startTwoApis();
  ({ harness: h, partner } = apis);
  steps = lifetimeSteps(h);
});
afterAll(() => apis.close());

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();
const patch = (id: string, body: unknown, key = partner.liveKey): Promise<TestResponse> =>
  h.client.request('PATCH', `/v1/agents/${id}`, { key, body });
const statusOf = async (id: string): Promise<string> => (await apis.getAgent(id)).body.status;
describe('the lifetime of an agent', () => {
  it('is set when the agent is registered, and shown with its owner and creator', async () => {
    const expiresAt = inMs(HOUR_MS);
    const owner = { name: 'Ada Ops', email: 'ada@harbour.example' };
    const input = anAgent({ expiresAt, idleTimeoutSeconds: 900, owner });
    const { status, body } = await h.client.post('/v1/agents', partner.liveKey, input);
    expect(status).toBe(201);
    const keyId = (await h.client.get('/v1/keys', partner.liveKey)).body.data[0].keyId;
    const limits = { expiresAt, effectiveExpiresAt: expiresAt };
    const idle = { idleTimeoutSeconds: 900, effectiveIdleTimeoutSeconds: 900 };
    expect(body).toMatchObject({ ...limits, ...idle, owner, authorizer: 'Ada Ops', createdBy: keyId });
    const [entry] = await auditOf(h.ctx, body.agentId);
    expect(entry!.after).toMatchObject({ idleTimeoutSeconds: 900, owner: 'Ada Ops' });
    expect(JSON.stringify(entry)).not.toContain(owner.email);
    const { id } = await register(h.client, partner.liveKey, { authorizer: 'Ada, operations' });
    const none = { expiresAt: null, effectiveExpiresAt: null, idleTimeoutSeconds: null, owner: null };
    expect((await apis.getAgent(id)).body).toMatchObject({ ...none, authorizer: 'Ada, operations' });
  });

  it('counts expiresInSeconds from the request', async () => {
    const before = Date.now();
    const { id } = await register(h.client, partner.liveKey, { expiresInSeconds: 60 });
    const expiresAt = Date.parse((await apis.getAgent(id)).body.expiresAt);
    expect(expiresAt).toBeGreaterThanOrEqual(before + 60_000);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  it('rejects a request with all of its problems', async () => {
    const bad = { expiresAt: inMs(-1_000), expiresInSeconds: 60, owner: { name: 'Ada', email: 'ada' } };
    const post = await h.client.post('/v1/agents', partner.liveKey, anAgent({ ...bad, idleTimeoutSeconds: 59 }));
    expectProblem(post, 422, 'VALIDATION_FAILED');
    const found = post.body.errors.map(({ path, code }: Record<string, string>) => `${path} ${code}`).sort();
    const expected = ['expiresAt IN_THE_PAST', 'expiresInSeconds MUTUALLY_EXCLUSIVE', 'idleTimeoutSeconds TOO_SMALL'];
    expect(found).toEqual([...expected, 'owner.email INVALID_FORMAT']);
    const { id } = await register(h.client, partner.liveKey);
    expectProblem(await patch(id, { expiresAt: inMs(-1_000) }), 422, 'VALIDATION_FAILED');
  });

  it('never exceeds that of the parent, although the child may have a later expiry of its own', async () => {
    const owner = { name: 'Ada Ops', email: 'ada@harbour.example' };
    const [early, late] = [inMs(HOUR_MS), inMs(2 * HOUR_MS)];
    const root = await register(h.client, partner.liveKey, { expiresAt: early, idleTimeoutSeconds: 600, owner });
    const child = await steps.childOf(root, { expiresAt: late, idleTimeoutSeconds: 6_000 });
    const { body } = await apis.getAgent(child.id);
    expect(body).toMatchObject({ expiresAt: late, effectiveExpiresAt: early, owner, createdBy: root.id });
    expect(body).toMatchObject({ idleTimeoutSeconds: 6_000, effectiveIdleTimeoutSeconds: 600 });
    const other = { name: 'Bo', email: 'bo@harbour.example' };
    const grandchild = await steps.childOf(child, { owner: other });
    const inherited = { expiresAt: null, effectiveExpiresAt: early, owner: other, authorizer: 'Bo' };
    expect((await apis.getAgent(grandchild.id)).body).toMatchObject(inherited);
    expect((await patch(root.id, { expiresAt: null })).body).toMatchObject({
      expiresAt: null,
      effectiveExpiresAt: null,
    });
    expect((await apis.getAgent(grandchild.id)).body).toMatchObject({ effectiveExpiresAt: late });
  });

  it('ends for the whole subtree when an ancestor’s expiry is brought forward, on every process', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { expiresInSeconds: 7_200 });
    const child = await steps.childOf(root);
    const leaf = await steps.childOf(child, { expiresInSeconds: 3_600 });
    expect([await apis.statusesWith(leaf.key), await apis.statusesWith(child.key)]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    expect((await patch(root.id, { expiresInSeconds: 1_800 }, own.liveKey)).status).toBe(200);
    await steps.advance(own, HOUR_MS / 2);
    for (const agent of [root, child, leaf]) {
      expect(await steps.codeWith(agent)).toBe('AGENT_EXPIRED');
      expect(await apis.statusesWith(agent.key)).toEqual([401, 401]);
    }
  });

  it('does not end when an expired ancestor is extended', async () => {
    const root = await register(h.client, partner.liveKey);
    const child = await steps.childOf(root);
    await h.ctx.store.agents.model.updateOne({ _id: root.id }, { expiresAt: new Date(Date.now() - 1) });
    for (const { id } of [root, child]) {
      const rejected = await patch(id, { expiresInSeconds: 600 });
      expectProblem(rejected, 409, 'AGENT_STATE');
      expect(rejected.body.detail).toContain('has expired');
      expectProblem(await apis.postAction(id, 'reactivate'), 409, 'AGENT_STATE');
      expectProblem(await apis.postAction(id, 'key/rotate'), 409, 'AGENT_STATE');
      expectProblem(await apis.postAction(id, 'spawn', { name: 'Late' }), 409, 'AGENT_STATE');
      expect(await statusOf(id)).toBe('EXPIRED');
    }
  });
});

describe('an expired agent', () => {
  it('is listed as EXPIRED before and after its expiry is recorded', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey);
    const child = await steps.childOf(root);
    const other = await register(h.client, own.liveKey);
    await h.ctx.store.agents.model.updateOne(
      { _id: root.id },
      { expiresAt: new Date(Date.now() - 1), expiryCheckAt: new Date(), limitsChanged: true },
    );
    const listed = async (path: string): Promise<string[]> =>
      (await h.client.get(path, own.liveKey)).body.data.map(({ agentId }: { agentId: string }) => agentId).sort();
    for (let runs = 0; runs < 3; runs += 1) {
      expect(await listed('/v1/agents?status=EXPIRED')).toEqual([root.id, child.id].sort());
      expect(await listed('/v1/agents/tree?status=EXPIRED')).toEqual([root.id, child.id].sort());
      expect(await listed('/v1/agents?status=ACTIVE')).toEqual([other.id]);
      await steps.sweep();
    }
    const docs = await h.ctx.store.agents.byIds([root.id, child.id]);
    expect(docs.map(({ status, key, expiryCheckAt }) => [status, key, expiryCheckAt])).toEqual([
      ['EXPIRED', null, undefined],
      ['EXPIRED', null, undefined],
    ]);
  });

  it('keeps getting AGENT_EXPIRED after its key is deleted, with one audit entry, cached or not', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { expiresInSeconds: 600 });
    const child = await steps.childOf(root);
    expect([await steps.codeWith(root), await steps.codeWith(child)]).toEqual([200, 200]);
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    expect([await steps.codeWith(root), await steps.codeWith(child)]).toEqual([200, 200]);
    await steps.advance(own, HOUR_MS);
    expect([await steps.codeWith(root), await steps.codeWith(child)]).toEqual(['AGENT_EXPIRED', 'AGENT_EXPIRED']);
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    for (const agent of [root, child]) {
      expect(await steps.codeWith(agent)).toBe('AGENT_EXPIRED');
      expect(await apis.statusesWith(agent.key)).toEqual([401, 401]);
      const entries = (await auditOf(h.ctx, agent.id)).filter(({ action }) => action === 'agent.expired');
      expect(entries).toMatchObject([
        { actor: { kind: 'SYSTEM' }, before: { status: 'ACTIVE' }, after: { status: 'EXPIRED', cause: 'EXPIRES_AT' } },
      ]);
      expect((await h.client.get(`/v1/agents/${agent.id}`, own.liveKey)).body).toMatchObject({
        status: 'EXPIRED',
        keyPrefix: null,
      });
    }
  });

  it('gets AGENT_KEY_REVOKED if it was killed before, also while the kill is not carried out yet', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { expiresInSeconds: 600 });
    const child = await steps.childOf(root);
    await h.client.post(`/v1/agents/${root.id}/revoke-descendants`, own.liveKey, undefined);
    await steps.advance(own, HOUR_MS);
    await steps.sweep(new Date(Date.now() + HOUR_MS));
    expect([await steps.codeWith(root), await steps.codeWith(child)]).toEqual([
      'AGENT_KEY_REVOKED',
      'AGENT_KEY_REVOKED',
    ]);
    expect((await h.ctx.store.agents.byIds([root.id, child.id])).map(({ status }) => status)).not.toContain('EXPIRED');
  });

  it('is rejected while Redis is down', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey);
    const child = await steps.childOf(root);
    const withoutRedis = ({ key }: TestAgent) => h.ctx.authorizer.authorizeFromStore(parseApiKey(key)!, 'events:read');
    await expect(withoutRedis(child)).resolves.toMatchObject({ nowMs: null });
    await h.ctx.store.agents.model.updateOne({ _id: root.id }, { expiresAt: new Date(Date.now() + 60_000) });
    await expect(withoutRedis(child)).resolves.toMatchObject({ nowMs: null });
    await h.ctx.store.agents.model.updateOne({ _id: root.id }, { expiresAt: new Date() });
    await expect(withoutRedis(root)).rejects.toMatchObject({ code: 'AGENT_EXPIRED' });
    await expect(withoutRedis(child)).rejects.toMatchObject({ code: 'AGENT_EXPIRED' });
  });

  it('is rejected even if a process of an earlier version has cached its row', async () => {
    const own = await steps.clockedPartner();
    const root = await register(h.client, own.liveKey, { expiresInSeconds: 600 });
    expect(await steps.codeWith(root)).toBe(200);
    const { keys, queueLink } = h.ctx;
    await queueLink.client.hdel(keys.node(own.key.tag, root.id), 'life', 'seen');
    expect(await steps.codeWith(root)).toBe(200);
    await queueLink.client.hdel(keys.node(own.key.tag, root.id), 'life', 'seen');
    await steps.advance(own, HOUR_MS);
    expect(await steps.codeWith(root)).toBe('AGENT_EXPIRED');
  });
});
