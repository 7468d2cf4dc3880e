import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { allowSpawning, auditOf, register, spawn } from '../../../support/agents';

let h: Harness;
let partner: TestPartner;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
});
beforeEach(async () => {
  partner = await h.partner();
});
afterAll(() => h.close());

const putPolicy = (body: unknown, key = partner.liveKey) => h.client.request('PUT', '/v1/agents/policy', { key, body });
const requestSpawn = (parentId: string, body = {}) =>
  h.client.post(`/v1/agents/${parentId}/spawn`, partner.liveKey, { name: 'Child', ...body });
const revoke = (id: string) => h.client.post(`/v1/agents/${id}/revoke`, partner.liveKey, {});
const limitsOf = ({ body }: { body: { code: string; errors: { path: string }[] } }) => [
  body.code,
  body.errors.map(({ path }) => path),
];

describe('spawn policy', () => {
  it('disables spawning by default, and configures the live and test environments separately', async () => {
    const { body } = await h.client.get('/v1/agents/policy', partner.liveKey);
    expect(body).toEqual({
      spawnEnabled: false,
      maxSpawnDepth: 8,
      maxChildrenPerAgent: 100,
      maxAgentsPerRoot: 10_000,
      maxSpawnsPerMinute: 600,
      ownerRequired: false,
      maxLifetimeSeconds: {},
      maxIdleSeconds: {},
      agentEventVisibility: 'PARTNER',
      approval: { presets: [], expiresInSeconds: 7 * 24 * 3_600 },
    });
    const { id } = await register(h.client, partner.liveKey);
    expect(await requestSpawn(id)).toMatchObject({ status: 403, body: { code: 'SPAWN_DISABLED' } });
    await putPolicy({ spawnEnabled: true }, partner.testKey);
    expect((await requestSpawn(id)).body.code).toBe('SPAWN_DISABLED');
    await putPolicy({ spawnEnabled: true });
    expect((await requestSpawn(id)).status).toBe(201);
    await putPolicy({ spawnEnabled: false });
    expect((await requestSpawn(id)).body.code).toBe('SPAWN_DISABLED');
  });

  it('replaces the entire policy and writes one audit entry per change', async () => {
    const policy = {
      spawnEnabled: true,
      maxSpawnDepth: 3,
      maxChildrenPerAgent: 5,
      maxAgentsPerRoot: 20,
      maxSpawnsPerMinute: 30,
      ownerRequired: true,
      maxLifetimeSeconds: { ADMIN: 3_600 },
      maxIdleSeconds: { ADMIN: 600, STANDARD: 60 },
      agentEventVisibility: 'SUBTREE',
      approval: { fromDepth: 2, fromAgentsPerRoot: 10, presets: ['ADMIN'], expiresInSeconds: 60 },
    };
    const responses = await Promise.all([1, 2, 3, 4].map(() => putPolicy(policy)));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect((await h.client.get('/v1/agents/policy', partner.liveKey)).body).toEqual(policy);
    await putPolicy({ spawnEnabled: true, reason: 'fewer rules' });
    expect((await h.client.get('/v1/agents/policy', partner.liveKey)).body.approval).not.toHaveProperty('fromDepth');
    const entries = await auditOf(h.ctx, `${partner.partnerId}:live`);
    expect(entries.map(({ action, reason }) => [action, reason])).toEqual([
      ['agent.policy.changed', null],
      ['agent.policy.changed', 'fewer rules'],
    ]);
    expect(entries[1]).toMatchObject({ before: policy, after: { ownerRequired: false, maxLifetimeSeconds: {} } });
  });

  it.each([
    { maxSpawnDepth: 33 },
    { maxSpawnDepth: 0 },
    { maxChildrenPerAgent: 0 },
    { maxAgentsPerRoot: 1.5 },
    { approval: { fromDepth: 0 } },
    { approval: { always: true } },
    { spawnEnabled: 'yes' },
    { maxSpawnsPerMinute: 0 },
    { maxSpawnsPerMinute: 601 },
    { ownerRequired: 1 },
    { maxLifetimeSeconds: { ADMIN: 59 } },
    { maxLifetimeSeconds: { ROOT: 60 } },
    { maxIdleSeconds: { ADMIN: 59 } },
    { agentEventVisibility: 'NONE' },
    { approval: { presets: ['ROOT'] } },
    { approval: { expiresInSeconds: 59 } },
    { approval: { expiresInSeconds: 30 * 24 * 3_600 + 1 } },
    { unknown: 1 },
  ])('returns 422 for the policy %j', async (body) => expect((await putPolicy(body)).status).toBe(422));

  it('limits depth, children per agent and agents per tree, and lists every limit that a spawn would exceed', async () => {
    await allowSpawning(h.client, partner, { maxSpawnDepth: 2, maxChildrenPerAgent: 2, maxAgentsPerRoot: 5 });
    const root = await register(h.client, partner.liveKey);
    const [a, b] = [await spawn(h.client, partner.liveKey, root.id), await spawn(h.client, partner.liveKey, root.id)];
    expect(limitsOf(await requestSpawn(root.id))).toEqual(['POLICY_LIMIT', ['maxChildrenPerAgent']]);
    const leaf = await spawn(h.client, partner.liveKey, a.id);
    expect(limitsOf(await requestSpawn(leaf.id))).toEqual(['POLICY_LIMIT', ['maxSpawnDepth']]);
    await spawn(h.client, partner.liveKey, b.id);
    expect(limitsOf(await requestSpawn(a.id))).toEqual(['POLICY_LIMIT', ['maxAgentsPerRoot']]);
    expect(limitsOf(await requestSpawn(leaf.id))).toEqual(['POLICY_LIMIT', ['maxSpawnDepth', 'maxAgentsPerRoot']]);
  });

  it('does not count revoked agents toward the limits', async () => {
    await allowSpawning(h.client, partner, { maxChildrenPerAgent: 2, maxAgentsPerRoot: 3 });
    const root = await register(h.client, partner.liveKey);
    for (let round = 0; round < 3; round += 1) {
      const pair = [await spawn(h.client, partner.liveKey, root.id), await spawn(h.client, partner.liveKey, root.id)];
      expect((await requestSpawn(root.id)).status).toBe(409);
      for (const { id } of pair) await revoke(id);
    }
  });

  it('enforces the limits exactly under concurrent spawns', async () => {
    await allowSpawning(h.client, partner, { maxChildrenPerAgent: 5, maxAgentsPerRoot: 100 });
    const root = await register(h.client, partner.liveKey);
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await requestSpawn(root.id)).status));
    expect(statuses.filter((status) => status === 201)).toHaveLength(5);
    expect(statuses.filter((status) => status === 409)).toHaveLength(15);
    expect(await h.ctx.store.agents.model.countDocuments({ parentId: root.id })).toBe(5);
  });
});
