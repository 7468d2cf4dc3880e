import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Tenant, tenantOf } from '../../../shared/domain/ids';
import { type GrownAgent, growTree } from '../../support/grow-tree';
import { type Harness, startHarness, type TestPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { auditOf, startSecondApi, statusWith } from '../partners/support';

const SIZE = Number(process.env['KILL_TREE_SIZE'] ?? 3_000);

let h: Harness;
let others: Awaited<ReturnType<typeof startSecondApi>>[] = [];
beforeAll(async () => {
  h = await startHarness();
  others = [await startSecondApi(h), await startSecondApi(h)];
});
afterAll(async () => {
  await Promise.all(others.map((other) => other.close()));
  await h.close();
});

const clients = () => [h.client, ...others.map(({ client }) => client)];

async function aTree(size: number): Promise<{ partner: TestPartner; tenant: Tenant; tree: GrownAgent[] }> {
  const partner = await h.partner();
  const tenant = tenantOf(partner.partnerId, 'live');
  return { partner, tenant, tree: await growTree(h.ctx.store, tenant, size) };
}

describe('POST /agents/:id/revoke-descendants', () => {
  it('smoke', async () => {
    const { partner, tree } = await aTree(SIZE);
    const dry = await h.client.post(`/v1/agents/${tree[0]!.agentId}/revoke-descendants`, partner.liveKey, {
      dryRun: true,
    });
    console.log(dry.body, Math.max(...tree.map(({ depth }) => depth)));
    const t = performance.now();
    const answer = await h.client.post(`/v1/agents/${tree[0]!.agentId}/revoke-descendants`, partner.liveKey, {});
    console.log(answer.body, performance.now() - t, 'ms', await statusWith(clients()[1]!, tree[9]!.key));
    await waitUntil('closed', async () => {
      const { body } = await h.client.get(`/v1/agents/cascades/${answer.body.cascadeId}`, partner.liveKey);
      return body.status === 'CLOSED';
    });
    console.log(
      performance.now() - t,
      (await h.client.get(`/v1/agents/cascades/${answer.body.cascadeId}`, partner.liveKey)).body,
    );
    expect((await auditOf(h.ctx, tree[0]!.agentId)).length).toBe(2);
    expect(await h.ctx.store.agents.model.countDocuments({ 'key.hash': { $exists: true } })).toBe(0);
  });
});
