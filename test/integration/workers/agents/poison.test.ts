import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { statusWith } from '../../../support/partners';
import { growTree } from '../../../support/grow-tree';
import { type Harness, startHarness } from '../../../support/harness';
import { waitUntil } from '../../../support/wait-until';

const SIZE = 150;
/** Long enough for two sweep intervals and the delay before the retry. */
const RETRIED_WITHIN_MS = 60_000;

let mir: Harness;
beforeAll(async () => {
  mir = await startHarness();
});
afterAll(() => mir.close());

/** Makes MongoDB reject updates that set these agents to REVOKED, as an operator's schema validator would. */
async function failToRevoke(agentIds: string[]): Promise<void> {
  const validator = agentIds.length === 0 ? {} : { $nor: [{ _id: { $in: agentIds }, status: 'REVOKED' }] };
  await mir.ctx.store.connection.db!.command({ collMod: 'agents', validator, validationLevel: 'strict' });
}

describe('cascade with agents that cannot be revoked', () => {
  it('quarantines agents that cannot be revoked yet, and closes the cascade after revoking them', async () => {
    const { agents, audit, cascades } = mir.ctx.store;
    const partner = await mir.partner();
    const tree = await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), SIZE);
    const poison = [tree[10]!, tree[11]!, tree[90]!];
    const poisonIds = poison.map(({ agentId }) => agentId);
    await failToRevoke(poisonIds);

    const path = `/v1/agents/${tree[0]!.agentId}/revoke-descendants`;
    const { cascadeId } = (await mir.client.post(path, partner.liveKey, {})).body;
    const read = async () => (await mir.client.get(`/v1/cascades/${cascadeId}`, partner.liveKey)).body;
    await waitUntil('the cascade is partial', async () => (await read()).status === 'PARTIAL');

    const rest = SIZE - poison.length;
    expect(await read()).toMatchObject({ affected: SIZE, revoked: rest, audited: rest, parked: 3, closedAt: null });
    expect((await cascades.byId(cascadeId))!.parked.toSorted()).toEqual(poisonIds.toSorted());
    const alive = await agents.model.find({ rootId: tree[0]!.agentId, status: { $ne: 'REVOKED' } }).lean();
    expect(alive.map(({ _id }) => _id).toSorted()).toEqual(poisonIds.toSorted());
    expect(await agents.model.countDocuments({ rootId: tree[0]!.agentId, key: null })).toBe(rest);
    expect(await audit.model.countDocuments({ cascadeId, target: { $in: poisonIds } })).toBe(0);
    for (const { key } of poison) expect(await statusWith(mir.client, key)).toBe(401);

    const makeDue = () => cascades.model.updateOne({ _id: cascadeId }, { $set: { nextLookAt: new Date() } });
    await makeDue();
    await waitUntil(
      'the cascade has been retried',
      async () => (await cascades.byId(cascadeId))!.partialTries >= 2,
      RETRIED_WITHIN_MS,
    );
    expect(await read()).toMatchObject({ status: 'PARTIAL', revoked: rest, audited: rest, parked: 3 });

    await failToRevoke([]);
    await makeDue();
    await waitUntil('the cascade is closed', async () => (await read()).status === 'CLOSED', RETRIED_WITHIN_MS);
    expect(await read()).toMatchObject({ affected: SIZE, revoked: SIZE, audited: SIZE, parked: 0 });
    expect(await agents.model.countDocuments({ rootId: tree[0]!.agentId, key: null, status: 'REVOKED' })).toBe(SIZE);
    expect((await audit.model.distinct('target', { cascadeId })).length).toBe(SIZE);
  }, 150_000);
});
