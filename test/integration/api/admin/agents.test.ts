import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { growTree, type GrownAgent } from '../../../support/grow-tree';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { asAdmin, statusWith } from '../../../support/partners';
import { expectProblem } from '../../../support/problems';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await startHarness({ workers: false });
  partner = await mir.partner();
});
afterAll(() => mir.close());

const newTree = (): Promise<GrownAgent[]> => growTree(mir.ctx.store, tenantOf(partner.partnerId, 'test'), 5);
const send = (path: string, body: object) => asAdmin(mir.client, 'POST', `/agents/${path}`, body);
const statusesWith = (agents: readonly GrownAgent[]) =>
  Promise.all(agents.map(({ key }) => statusWith(mir.client, key)));
const lastEntryAbout = async (target: string) => mir.ctx.store.audit.model.findOne({ target }).sort({ at: -1 }).lean();

describe('operators', () => {
  it('suspend and reactivate agents of any partner, with their descendants', async () => {
    const tree = await newTree();
    const [root, leaf] = [tree[0]!, tree.at(-1)!];
    const reason = 'odd requests';
    expect(await send(`${root.agentId}/suspend`, { reason })).toMatchObject({
      status: 200,
      body: { status: 'SUSPENDED' },
    });
    expect(await statusesWith([root, leaf])).toEqual([403, 200]);
    expect((await send(`${root.agentId}/suspend`, { reason, includeDescendants: true })).status).toBe(200);
    expect(await statusesWith([root, leaf])).toEqual([403, 403]);
    const reactivated = await send(`${root.agentId}/reactivate`, { reason: 'false alarm' });
    expect(reactivated).toMatchObject({ status: 200, body: { status: 'ACTIVE' } });
    expect(await statusesWith([root, leaf])).toEqual([200, 200]);
    expect(await lastEntryAbout(root.agentId)).toMatchObject({
      action: 'agent.reactivated',
      reason: 'false alarm',
      actor: { kind: 'OPERATOR', via: 'ADMIN_API' },
    });
  });

  it('kill subtrees of any partner after a dry run, and get the existing kill from a retry', async () => {
    const tree = await newTree();
    const path = `${tree[0]!.agentId}/revoke-descendants`;
    const preview = await send(path, { reason: 'drill', dryRun: true });
    expect(preview).toMatchObject({
      status: 200,
      body: { affected: 5, activeLastHour: 0, deepest: expect.any(Number) },
    });
    expect(preview.body.first.map(({ agentId }: GrownAgent) => agentId).toSorted()).toEqual(
      tree.map(({ agentId }) => agentId).toSorted(),
    );
    expect(await statusesWith(tree)).toEqual(tree.map(() => 200));
    const killed = await send(path, { reason: 'drill' });
    expect(killed).toMatchObject({ status: 202, body: { status: 'RUNNING', effectiveAt: expect.any(String) } });
    expect(await statusesWith(tree)).toEqual(tree.map(() => 401));
    expect(await lastEntryAbout(tree[0]!.agentId)).toMatchObject({ action: 'agent.subtree.killed', reason: 'drill' });
    const again = (await send(path, { reason: 'again' })).body;
    expect(again).toMatchObject({ cascadeId: killed.body.cascadeId, alreadyRevoked: true });
    const repeated = { action: 'agent.subtree.kill.repeated', reason: 'again' };
    expect(await lastEntryAbout(tree[0]!.agentId)).toMatchObject(repeated);
  });

  it.each(['suspend', 'reactivate', 'revoke-descendants'])('get 404 and 422 from %s', async (action) => {
    expectProblem(await send(`agt_live_none/${action}`, { reason: 'Any' }), 404, 'NOT_FOUND');
    const { body } = await send(`agt_live_none/${action}`, {});
    expect(body).toMatchObject({ code: 'VALIDATION_FAILED', errors: [{ path: 'reason' }] });
  });
});
