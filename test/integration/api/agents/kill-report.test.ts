import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KILL_REPORT_TYPE, type KillReport } from '../../../../api/agents/kill-report';
import { tenantOf } from '../../../../shared/domain/ids';
import { register } from '../../../support/agents';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';

const SIZE = 30;

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness();
});
afterAll(() => mir.close());

const kill = (agentId: string, key: string, body: Record<string, unknown> = {}) =>
  mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, body);
const read = async (cascadeId: string, key: string): Promise<KillReport> =>
  (await mir.client.get(`/v1/agents/cascades/${cascadeId}`, key)).body as KillReport;

async function signedReport(cascadeId: string, key: string): Promise<KillReport> {
  await waitUntil('the report is signed', async () => (await read(cascadeId, key)).signature !== null);
  return read(cascadeId, key);
}

async function createTree(): Promise<{ partner: TestPartner; tree: GrownAgent[] }> {
  const partner = await mir.partner();
  return { partner, tree: await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), SIZE) };
}

describe('the report of a kill', () => {
  it('contains who, why, when and where in the audit log, and is signed once its entries are sealed', async () => {
    const { partner, tree } = await createTree();
    const { cascadeId, effectiveAt } = (await kill(tree[0]!.agentId, partner.liveKey, { reason: 'leaked' })).body;
    const report = await signedReport(cascadeId, partner.liveKey);
    expect(report).toMatchObject({
      cascadeId,
      partnerId: partner.partnerId,
      agentId: tree[0]!.agentId,
      status: 'CLOSED',
      reason: 'leaked',
      actor: { kind: 'PARTNER', partnerId: partner.partnerId },
      affected: SIZE,
      revoked: SIZE,
      audited: SIZE,
      effectiveAt,
      containedAt: effectiveAt,
      receivers: [],
    });
    const { data } = (await mir.client.get('/v1/audit?limit=200', partner.liveKey)).body;
    const inRange = (data as { seq: number; cascadeId: string | null; action: string; hash: string }[]).filter(
      ({ seq }) => seq >= report.auditFrom! && seq <= report.auditTo!,
    );
    expect(inRange.filter((one) => one.cascadeId === cascadeId)).toHaveLength(SIZE);
    expect(inRange.filter(({ action }) => action === 'agent.subtree.killed')).toHaveLength(1);
    expect(inRange.find(({ seq }) => seq === report.auditTo)!.hash).toBe(report.auditHeadHash);
  });

  it('has a signature over everything else in it', async () => {
    const { partner, tree } = await createTree();
    const { cascadeId } = (await kill(tree[0]!.agentId, partner.liveKey)).body;
    const { signature, ...facts } = await signedReport(cascadeId, partner.liveKey);
    const signed = await mir.ctx.signer.verify(signature!, KILL_REPORT_TYPE);
    expect(JSON.parse(signed)).toEqual(facts);
    expect(Object.keys(JSON.parse(signed) as object)).toEqual(Object.keys(facts).toSorted());
    expect((await read(cascadeId, partner.liveKey)).signature).toBe(signature);
  });

  it('has no audit range while an entry is missing or not sealed, or in another tenant', async () => {
    const { partner, tree } = await createTree();
    const { cascadeId } = (await kill(tree[0]!.agentId, partner.liveKey)).body;
    await signedReport(cascadeId, partner.liveKey);
    const { audit } = mir.ctx.store;
    const chain = tenantOf(partner.partnerId, 'live');
    const range = (revocations = SIZE) => audit.sealedRangeOfCascade(chain, cascadeId, revocations);
    expect(await range()).not.toBeNull();
    expect(await range(SIZE + 1)).toBeNull();
    expect(await audit.sealedRangeOfCascade(tenantOf(partner.partnerId, 'test'), cascadeId, SIZE)).toBeNull();
    await audit.model.updateOne({ _id: `aud_${cascadeId}` }, { $unset: { seq: 1 } });
    expect(await range()).toBeNull();
  });

  it('is found only by its own tenant', async () => {
    const { partner, tree } = await createTree();
    const { cascadeId } = (await kill(tree[0]!.agentId, partner.liveKey)).body;
    const other = await mir.partner();
    for (const key of [other.liveKey, partner.testKey]) {
      expectProblem(await mir.client.get(`/v1/cascades/${cascadeId}`, key), 404, 'NOT_FOUND');
    }
  });

  it('does not show receivers or positions in the audit log to agents', async () => {
    const partner = await mir.partner();
    const url = 'https://harbour.example/kills';
    await mir.client.post('/v1/receivers', partner.liveKey, { url, format: 'SET' });
    const manager = await register(mir.client, partner.liveKey);
    await mir.client.request('PUT', '/v1/agents/policy', { key: partner.liveKey, body: { spawnEnabled: true } });
    const spawned = await mir.client.post(`/v1/agents/${manager.id}/spawn`, manager.key, { name: 'Child' });
    const { cascadeId } = (await kill(spawned.body.agentId, partner.liveKey)).body;
    expect((await signedReport(cascadeId, partner.liveKey)).receivers).toMatchObject([{ url, acknowledgedAt: null }]);
    expect(await read(cascadeId, manager.key)).toMatchObject({
      status: 'CLOSED',
      receivers: [],
      auditFrom: null,
      auditTo: null,
      auditHeadHash: null,
      signature: null,
    });
  });
});

describe('a repeated kill', () => {
  it('returns the first kill, and records the new reason once', async () => {
    const { partner, tree } = await createTree();
    const { agentId } = tree[0]!;
    const first = await kill(agentId, partner.liveKey, { reason: 'first' });
    expect(first.body.alreadyRevoked).toBe(false);
    const again = await kill(agentId, partner.liveKey, { reason: 'second' });
    const { cascadeId, effectiveAt } = first.body;
    expect(again).toMatchObject({ status: 202, body: { cascadeId, effectiveAt, alreadyRevoked: true } });
    await signedReport(cascadeId, partner.liveKey);
    for (const body of [{}, { reason: 'first' }]) {
      expect((await kill(agentId, partner.liveKey, body)).body).toMatchObject({ cascadeId, alreadyRevoked: true });
    }
    expect(await read(cascadeId, partner.liveKey)).toMatchObject({ reason: 'first', status: 'CLOSED' });
    const entries = await mir.ctx.store.audit.model.find({ target: agentId, action: /^agent\.subtree/ }).lean();
    expect(entries.map(({ action, reason }) => [action, reason])).toEqual([
      ['agent.subtree.killed', 'first'],
      ['agent.subtree.kill.repeated', 'second'],
    ]);
  });
});
