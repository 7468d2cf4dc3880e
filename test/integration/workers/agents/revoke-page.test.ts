import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey, type ParsedApiKey, parseApiKey } from '../../../../shared/domain/api-key';
import { newId, tagOf } from '../../../../shared/domain/ids';
import type { AgentDoc } from '../../../../shared/store/agents';
import type { AliveRow } from '../../../../shared/store/agent-tree';
import type { CascadeDoc } from '../../../../shared/store/cascades';
import { revokePage } from '../../../../workers/agents/revoke-page';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';

let mir: Harness;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
});
afterAll(() => mir.close());

function cascadeOf({ tenant, agentId }: TestAgent): CascadeDoc {
  const now = new Date();
  return {
    _id: newId('csc'),
    tenant,
    agentId,
    reason: null,
    actor: { kind: 'OPERATOR', via: 'CLI' },
    requestId: 'r-1',
    status: 'RUNNING',
    effectiveAt: now,
    affected: null,
    revoked: 0,
    parkedCount: 0,
    parked: [],
    partialTries: 0,
    nextLookAt: now,
    createdAt: now,
    closedAt: null,
  };
}

async function aliveRows({ doc: { tenant, path } }: TestAgent): Promise<AliveRow[]> {
  const rows: AliveRow[] = [];
  for await (const row of mir.ctx.store.agents.aliveIn({ tenant, path }, 10)) rows.push(row);
  return rows;
}

async function revoke(agent: TestAgent, page: readonly AliveRow[]): Promise<number> {
  const { session } = await mir.ctx.store.openSession();
  try {
    return await revokePage(mir.ctx, cascadeOf(agent), page, session);
  } finally {
    await session.endSession();
  }
}

const stored = async ({ agentId }: TestAgent): Promise<AgentDoc> =>
  (await mir.ctx.store.agents.model.findById(agentId).lean<AgentDoc>())!;
const refOf = ({ hash }: Pick<ParsedApiKey, 'hash'>): string => mir.ctx.secrets.revokedKey(hash);

describe('revokePage', () => {
  it('stores a reference to each revoked key, but no reference for an agent without a key', async () => {
    const partner = await mir.partner();
    const root = await insertAgent(mir.ctx.store, partner);
    const suspended = await insertAgent(mir.ctx.store, partner, { status: 'SUSPENDED' }, root);
    const pending = await insertAgent(mir.ctx.store, partner, { status: 'PENDING_APPROVAL', key: null }, root);
    expect(await revoke(root, await aliveRows(root))).toBe(3);
    for (const agent of [root, suspended]) {
      expect(await stored(agent)).toMatchObject({
        status: 'REVOKED',
        key: null,
        revokedKeyRef: refOf(parseApiKey(agent.apiKey)!),
      });
    }
    const unissued = await stored(pending);
    expect(unissued).toMatchObject({ status: 'REVOKED', key: null });
    expect('revokedKeyRef' in unissued).toBe(false);
  });

  it('stores a reference to the current key if it was rotated or issued after the page was read', async () => {
    const partner = await mir.partner();
    const root = await insertAgent(mir.ctx.store, partner);
    const pending = await insertAgent(mir.ctx.store, partner, { status: 'PENDING_APPROVAL', key: null }, root);
    const page = await aliveRows(root);
    const rotated = newApiKey('live', tagOf(partner.partnerId), true);
    const issued = newApiKey('live', tagOf(partner.partnerId), true);
    const keyOf = ({ hash, prefix }: typeof rotated) => ({ hash, prefix, createdAt: new Date() });
    const { model } = mir.ctx.store.agents;
    await model.updateOne({ _id: root.agentId }, { $set: { key: keyOf(rotated) } });
    await model.updateOne({ _id: pending.agentId }, { $set: { status: 'ACTIVE', key: keyOf(issued) } });
    expect(await revoke(root, page)).toBe(2);
    expect(await stored(root)).toMatchObject({ status: 'REVOKED', key: null, revokedKeyRef: refOf(rotated) });
    expect(await stored(pending)).toMatchObject({ status: 'REVOKED', key: null, revokedKeyRef: refOf(issued) });
  });
});
