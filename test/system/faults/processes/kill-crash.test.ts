import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { killSubtree } from '../../../../api/agents/kill-subtree';
import { tenantOf } from '../../../../shared/domain/ids';
import { statusWith } from '../../../support/partners';
import { growTree } from '../../../support/grow-tree';
import { type Harness, startHarness } from '../../../support/harness';
import { ownStores } from '../../../support/own-stores';
import { testProcesses } from '../../../support/processes';
import { waitUntil } from '../../../support/wait-until';

/** More pages of a cascade than workers are killed. For a longer run, set `KILL_TREE_SIZE`. */
const SIZE = Number(process.env['KILL_TREE_SIZE'] ?? 3_500);
const KILLS = 2;

let mir: Harness;
// First of all ends, before the stores and the processes.
afterAll(async () => {
  // What the killed workers left open would keep the database from being dropped for a minute.
  await mir.ctx.store.connection.getClient().db('admin').command({ killAllSessions: [] });
  await mir.close();
}, 120_000);
const { ownRedis } = ownStores();
const startProcess = testProcesses();
let redis: Awaited<ReturnType<typeof ownRedis>>;
beforeAll(async () => {
  redis = await ownRedis();
  mir = await startHarness({ workers: false, env: { REDIS_URL: redis.url } });
});

async function aTree(size: number) {
  const partner = await mir.partner();
  const tree = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), size);
  return { partner, tree };
}

/** How often a kill of the agent was recorded. */
async function ordersOf(agentId: string): Promise<{ cascades: number; entries: number }> {
  const { cascades, audit } = mir.ctx.store;
  return {
    cascades: await cascades.model.countDocuments({ agentId }),
    entries: await audit.model.countDocuments({ target: agentId, action: 'agent.subtree.killed' }),
  };
}

const kill = (agentId: string, key: string) => mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, {});

describe('a kill switch cut off by a crash', () => {
  it('workers killed with -9 in mid-cascade change nothing in its result', async () => {
    const { partner, tree } = await aTree(SIZE);
    const { audit, agents, cascades } = mir.ctx.store;
    const { body } = await kill(tree[0]!.agentId, partner.liveKey);
    const { cascadeId } = body;
    for (let n = 0; n < KILLS; n += 1) {
      const before = await audit.countOfCascade(cascadeId);
      const worker = await startProcess('worker', mir.env);
      await waitUntil('the worker has revoked a page', async () => (await audit.countOfCascade(cascadeId)) > before);
      await worker.kill9();
    }
    const last = await startProcess('worker', mir.env);
    await waitUntil('the cascade is closed', async () => (await cascades.byId(cascadeId))?.status === 'CLOSED', 90_000);
    // It would go on sealing thousands of entries beside the other tests.
    await last.stop();
    const ids = tree.map(({ agentId }) => agentId);
    expect(await agents.model.countDocuments({ _id: { $in: ids }, key: null, status: 'REVOKED' })).toBe(SIZE);
    expect(await audit.countOfCascade(cascadeId)).toBe(SIZE);
    expect(await cascades.byId(cascadeId)).toMatchObject({ affected: SIZE, revoked: SIZE, parkedCount: 0 });
  }, 180_000);

  it('after a kill no key passes whatever becomes of the queue store: flushed, restarted, away', async () => {
    const { partner, tree } = await aTree(40);
    const bystander = await mir.partner();
    const keys = [tree[0]!, tree[5]!, tree.at(-1)!].map(({ key }) => key);
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(200);
    expect(await kill(tree[0]!.agentId, partner.liveKey)).toMatchObject({ status: 202 });
    await mir.ctx.queueLink.client.flushall();
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(401);
    await redis.stop();
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(401);
    expect(await statusWith(mir.client, bystander.liveKey)).toBe(200);
    await redis.startAgain();
    await waitUntil('the API has the queue store back', () => mir.ctx.queueLink.runId() !== null);
    for (const key of keys) expect(await statusWith(mir.client, key)).toBe(401);
  }, 60_000);

  it('a kill while the queue store is away is recorded, refused keys stay refused, and it comes into force', async () => {
    const { partner, tree } = await aTree(10);
    const [root, leaf] = [tree[0]!, tree.at(-1)!];
    expect(await statusWith(mir.client, leaf.key)).toBe(200);
    await redis.stop();
    const answer = await kill(root.agentId, partner.liveKey);
    expect(answer).toMatchObject({ status: 503, body: { code: 'OVERLOADED' } });
    expect(await ordersOf(root.agentId)).toEqual({ cascades: 1, entries: 1 });
    const repeated = await kill(root.agentId, partner.liveKey);
    expect(repeated).toMatchObject({ status: 503, body: { detail: answer.body.detail } });
    expect(await ordersOf(root.agentId)).toEqual({ cascades: 1, entries: 1 });
    expect(await statusWith(mir.client, leaf.key)).toBe(401);
    await redis.startAgain();
    await waitUntil('the API has the queue store back', () => mir.ctx.queueLink.runId() !== null);
    await mir.startWorkers();
    await waitUntil('the cascade is closed', async () => {
      const cascade = await mir.ctx.store.cascades.model.findOne({ agentId: root.agentId }).lean();
      return cascade?.status === 'CLOSED' && cascade.effectiveAt !== null;
    });
    expect(await statusWith(mir.client, leaf.key)).toBe(401);
  }, 60_000);

  it('is recorded once when the queue store hangs, and is in force when it goes on', async () => {
    const { partner, tree } = await aTree(10);
    const [root, leaf] = [tree[0]!, tree.at(-1)!];
    expect(await statusWith(mir.client, leaf.key)).toBe(200);
    redis.freeze();
    let answer;
    try {
      const { tenant, rootId } = (await mir.ctx.store.agents.model.findById(root.agentId).lean())!;
      const actor = { kind: 'OPERATOR', via: 'CLI' } as const;
      const order = { tenant, agentId: root.agentId, rootId, actor, reason: null, requestId: 'r' };
      answer = await killSubtree(mir.ctx, order).catch((error: unknown) => error);
      expect(await ordersOf(root.agentId)).toEqual({ cascades: 1, entries: 1 });
    } finally {
      redis.thaw();
    }
    expect(answer).toMatchObject({ code: 'OVERLOADED' });
    await waitUntil('the kill is in force', async () => (await statusWith(mir.client, leaf.key)) === 401);
    await waitUntil('the API has the queue store back', () => mir.ctx.queueLink.runId() !== null);
    expect(await kill(root.agentId, partner.liveKey)).toMatchObject({ status: 202 });
    expect(await ordersOf(root.agentId)).toEqual({ cascades: 1, entries: 1 });
  }, 60_000);
});
