import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { killSubtree } from '../../../../api/agents/kill-subtree';
import { tenantOf } from '../../../../shared/domain/ids';
import { statusWith } from '../../../support/partners';
import { growTree } from '../../../support/grow-tree';
import { faultEnvironment } from '../../../support/fault-environment';
import type { Harness } from '../../../support/harness';
import type { OwnStore } from '../../../support/own-store';
import { waitUntil } from '../../../support/wait-until';

/**
 * Enough agents that the cascade has more pages than the number of times the test kills a worker. Set `KILL_TREE_SIZE`
 * for a longer run.
 */
const SIZE = Number(process.env['KILL_TREE_SIZE'] ?? 3_500);
const KILLS = 2;

let mir: Harness;
let redis: OwnStore;
// Runs before the harness closes: open transactions of killed workers would block dropping its database for a minute.
afterAll(async () => {
  await mir.ctx.store.connection.getClient().db('admin').command({ killAllSessions: [] });
});
const { ownRedis, serve, start } = faultEnvironment();
beforeAll(async () => {
  redis = await ownRedis();
  mir = await serve({ workers: false, env: { REDIS_URL: redis.url } });
});

async function createTree(size: number) {
  const partner = await mir.partner();
  const tree = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), size);
  return { partner, tree };
}

/** Counts the recorded kills of the agent, and their audit entries. */
async function countKills(agentId: string): Promise<{ cascades: number; entries: number }> {
  const { cascades, audit } = mir.ctx.store;
  return {
    cascades: await cascades.model.countDocuments({ agentId }),
    entries: await audit.model.countDocuments({ target: agentId, action: 'agent.subtree.killed' }),
  };
}

const kill = (agentId: string, key: string) => mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, {});

describe('the kill switch during faults', () => {
  it('completes a cascade with the correct result even if its workers are killed with SIGKILL', async () => {
    const { partner, tree } = await createTree(SIZE);
    const { audit, agents, cascades } = mir.ctx.store;
    const { body } = await kill(tree[0]!.agentId, partner.liveKey);
    const { cascadeId } = body;
    for (let n = 0; n < KILLS; n += 1) {
      const before = await audit.countOfCascade(cascadeId);
      const worker = await start('worker', mir.env);
      await waitUntil('the worker has revoked a page', async () => (await audit.countOfCascade(cascadeId)) > before);
      await worker.kill9();
    }
    const last = await start('worker', mir.env);
    await waitUntil('the cascade is closed', async () => (await cascades.byId(cascadeId))?.status === 'CLOSED', 90_000);
    // Otherwise, the worker would seal thousands of audit entries during the next tests.
    await last.stop();
    const ids = tree.map(({ agentId }) => agentId);
    expect(await agents.model.countDocuments({ _id: { $in: ids }, key: null, status: 'REVOKED' })).toBe(SIZE);
    expect(await audit.countOfCascade(cascadeId)).toBe(SIZE);
    expect(await cascades.byId(cascadeId)).toMatchObject({ affected: SIZE, revoked: SIZE, parkedCount: 0 });
  }, 180_000);

  it("rejects killed agents' keys after the queue Redis is flushed, while it is down and after it restarts", async () => {
    const { partner, tree } = await createTree(40);
    const bystander = await mir.partner();
    const keys = [tree[0]!, tree[5]!, tree.at(-1)!].map(({ key }) => key);
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(200);
    expect(await kill(tree[0]!.agentId, partner.liveKey)).toMatchObject({ status: 202 });
    await mir.ctx.queueLink.client.flushall();
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(401);
    await redis.stop();
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(401);
    expect(await statusWith(mir.client, bystander.liveKey)).toBe(200);
    await redis.restart();
    await waitUntil('the API has reconnected to Redis', () => mir.ctx.queueLink.runId() !== null);
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(401);
  }, 60_000);

  it('records a kill only once while the queue Redis is down, and completes the kill when Redis is back', async () => {
    const { partner, tree } = await createTree(10);
    const [root, leaf] = [tree[0]!, tree.at(-1)!];
    expect(await statusWith(mir.client, leaf.key)).toBe(200);
    await redis.stop();
    const first = await kill(root.agentId, partner.liveKey);
    expect(first).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(await countKills(root.agentId)).toEqual({ cascades: 1, entries: 1 });
    const repeated = await kill(root.agentId, partner.liveKey);
    expect(repeated).toMatchObject({ status: 503, body: { detail: first.body.detail } });
    expect(await countKills(root.agentId)).toEqual({ cascades: 1, entries: 1 });
    expect(await statusWith(mir.client, leaf.key)).toBe(401);
    await redis.restart();
    await waitUntil('the API has reconnected to Redis', () => mir.ctx.queueLink.runId() !== null);
    await mir.startWorkers();
    await waitUntil('the cascade is closed', async () => {
      const cascade = await mir.ctx.store.cascades.model.findOne({ agentId: root.agentId }).lean();
      return cascade?.status === 'CLOSED' && cascade.effectiveAt !== null;
    });
    expect(await statusWith(mir.client, leaf.key)).toBe(401);
  }, 60_000);

  it('records a kill only once while the queue Redis hangs, and enforces it when Redis responds again', async () => {
    const { partner, tree } = await createTree(10);
    const [root, leaf] = [tree[0]!, tree.at(-1)!];
    expect(await statusWith(mir.client, leaf.key)).toBe(200);
    redis.freeze();
    let error: unknown;
    try {
      const { tenant, rootId } = (await mir.ctx.store.agents.model.findById(root.agentId).lean())!;
      const actor = { kind: 'OPERATOR', via: 'CLI' } as const;
      const order = { tenant, agentId: root.agentId, rootId, actor, reason: null, requestId: 'r' };
      error = await killSubtree(mir.ctx, order).catch((cause: unknown) => cause);
      expect(await countKills(root.agentId)).toEqual({ cascades: 1, entries: 1 });
    } finally {
      redis.thaw();
    }
    expect(error).toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('the kill is in force', async () => (await statusWith(mir.client, leaf.key)) === 401);
    await waitUntil('the API has reconnected to Redis', () => mir.ctx.queueLink.runId() !== null);
    expect(await kill(root.agentId, partner.liveKey)).toMatchObject({ status: 202 });
    expect(await countKills(root.agentId)).toEqual({ cascades: 1, entries: 1 });
  }, 60_000);
});
