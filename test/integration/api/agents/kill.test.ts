import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';
import { allowSpawning, auditOf, startSecondApi, statusWith } from '../../../support/agents';
import { isSlowMongo } from '../../../support/test-stores';

/** More than one page of the cascade. The stand-in from PyPI takes seconds for each. */
const DEFAULT_SIZE = isSlowMongo() ? 1_100 : 2_000;
const SIZE = Number(process.env['KILL_TREE_SIZE'] ?? DEFAULT_SIZE);
const SAMPLES = 40;
const KEYS_AT_ONCE = 4;
/** The stand-in from PyPI may take half a minute beside other work. */
const CLOSED_WITHIN_MS = 120_000;

let mir: Harness;
let others: Awaited<ReturnType<typeof startSecondApi>>[] = [];
beforeAll(async () => {
  mir = await sharedHarness();
  others = [await startSecondApi(mir), await startSecondApi(mir)];
});
afterAll(async () => {
  await Promise.all(others.map((other) => other.close()));
  await mir.close();
});

const clients = () => [mir.client, ...others.map(({ client }) => client)];

async function aTree(size: number): Promise<{ partner: TestPartner; tenant: Tenant; tree: GrownAgent[] }> {
  const partner = await mir.partner();
  const tenant = tenantOf(partner.partnerId, 'live');
  return { partner, tenant, tree: await growTree(mir.ctx.store, tenant, size) };
}

const kill = (agentId: string, key: string, body: Record<string, unknown> = {}) =>
  mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, body);

async function closed(cascadeId: string, key: string): Promise<Record<string, unknown>> {
  let body: Record<string, unknown> = {};
  const isClosed = async (): Promise<boolean> => {
    ({ body } = await mir.client.get(`/v1/agents/cascades/${cascadeId}`, key));
    return body['status'] === 'CLOSED';
  };
  await waitUntil('the cascade is closed', isClosed, CLOSED_WITHIN_MS);
  return body;
}

/** Statuses of all keys on all API processes; few at once, for each cold key costs reads of a maybe slow store. */
async function statuses(agents: readonly GrownAgent[]): Promise<number[]> {
  const found: number[] = [];
  for (let at = 0; at < agents.length; at += KEYS_AT_ONCE) {
    const calls = agents
      .slice(at, at + KEYS_AT_ONCE)
      .flatMap(({ key }) => clients().map((client) => statusWith(client, key)));
    found.push(...(await Promise.all(calls)));
  }
  return found;
}

const below = (tree: GrownAgent[], { path }: GrownAgent) => tree.filter((agent) => agent.path.startsWith(path));

describe('POST /v1/agents/:id/revoke-descendants', () => {
  it('a kill refuses every key of the subtree on every process before its answer, warm doors or not', async () => {
    const { partner, tree } = await aTree(SIZE);
    const step = Math.ceil(tree.length / SAMPLES);
    const sampled = tree.filter((_, n) => n % step === 0);
    expect(new Set(await statuses(sampled))).toEqual(new Set([200]));
    const answer = await kill(tree[0]!.agentId, partner.liveKey, { reason: 'drill' });
    expect(answer).toMatchObject({ status: 202, body: { status: 'RUNNING' } });
    expect(new Set(await statuses([...sampled, ...tree.slice(-SAMPLES)]))).toEqual(new Set([401]));

    const cascade = await closed(answer.body.cascadeId, partner.liveKey);
    expect(cascade).toMatchObject({ affected: SIZE, revoked: SIZE, audited: SIZE, parked: 0 });
    const { agents, audit } = mir.ctx.store;
    const ids = tree.map(({ agentId }) => agentId);
    expect(await agents.model.countDocuments({ _id: { $in: ids }, key: null, status: 'REVOKED' })).toBe(SIZE);
    expect(await audit.model.countDocuments({ cascadeId: answer.body.cascadeId })).toBe(SIZE);
    expect((await audit.model.distinct('target', { cascadeId: answer.body.cascadeId })).length).toBe(SIZE);
  }, 180_000);

  it('a dry run tells what a kill would do and changes nothing', async () => {
    const { partner, tree } = await aTree(50);
    const inner = tree.find(({ depth }) => depth === 2)!;
    const subtree = below(tree, inner);
    const preview = await kill(inner.agentId, partner.liveKey, { dryRun: true });
    expect(preview).toMatchObject({
      status: 200,
      body: { affected: subtree.length, byStatus: { ACTIVE: subtree.length } },
    });
    expect(preview.body.deepest).toBe(Math.max(...subtree.map(({ depth }) => depth)));
    expect(new Set(await statuses(subtree.slice(0, 5)))).toEqual(new Set([200]));
  });

  it.each(['revoke-descendants?dryRun=true', 'revoke?includeDescendants=true', 'suspend?reason=x'])(
    'what is asked beside the body is refused, never ignored: %s',
    async (path) => {
      const { partner, tree } = await aTree(3);
      const answer = await mir.client.post(`/v1/agents/${tree[0]!.agentId}/${path}`, partner.liveKey, {});
      expect(answer).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED', errors: [{ code: 'UNKNOWN_FIELD' }] },
      });
      expect(new Set(await statuses(tree))).toEqual(new Set([200]));
    },
  );

  it('a kill of an inner agent leaves its ancestors and siblings alone', async () => {
    const { partner, tree } = await aTree(120);
    const inner = tree.find(({ depth, path }) => depth === 2 && below(tree, { path } as GrownAgent).length > 3)!;
    const gone = new Set(below(tree, inner).map(({ agentId }) => agentId));
    const { body } = await kill(inner.agentId, partner.liveKey);
    await closed(body.cascadeId, partner.liveKey);
    for (const agent of tree) {
      expect(await statusWith(mir.client, agent.key)).toBe(gone.has(agent.agentId) ? 401 : 200);
    }
  });

  it('a kill does not stop at an agent that was revoked alone before, nor counts it again', async () => {
    const { partner, tree } = await aTree(60);
    const middle = tree.find(({ depth, path }) => depth === 1 && below(tree, { path } as GrownAgent).length > 3)!;
    const revoked = await mir.client.post(`/v1/agents/${middle.agentId}/revoke`, partner.liveKey, { reason: 'left' });
    expect(revoked).toMatchObject({ status: 200, body: { status: 'REVOKED' } });
    const child = tree.find(({ parentId }) => parentId === middle.agentId)!;
    expect(await statusWith(mir.client, child.key)).toBe(200);

    const { body } = await kill(middle.agentId, partner.liveKey);
    expect(await statusWith(mir.client, child.key)).toBe(401);
    const subtree = below(tree, middle);
    expect(await closed(body.cascadeId, partner.liveKey)).toMatchObject({ revoked: subtree.length - 1 });
    expect((await auditOf(mir.ctx, middle.agentId)).filter(({ action }) => action === 'agent.revoked')).toHaveLength(1);
  });

  it('nothing that gives life passes under a killed agent: spawn, rotate, reactivate', async () => {
    const { partner, tree } = await aTree(30);
    // Without the kill the spawn would succeed.
    await allowSpawning(mir.client, partner);
    const leaf = tree.at(-1)!;
    await kill(tree[0]!.agentId, partner.liveKey);
    for (const action of ['key/rotate', 'reactivate']) {
      const answer = await mir.client.post(`/v1/agents/${leaf.agentId}/${action}`, partner.liveKey, {});
      expect(answer).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
    }
    const spawned = await mir.client.post(`/v1/agents/${leaf.agentId}/spawn`, partner.liveKey, { name: 'late child' });
    expect(spawned).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
  });

  it('a foreign agent answers like a missing one, and nothing happens to it', async () => {
    const { tree } = await aTree(5);
    const stranger = await mir.partner();
    const foreign = await kill(tree[0]!.agentId, stranger.liveKey);
    const missing = await kill(`${tree[0]!.agentId.slice(0, -4)}zzzz`, stranger.liveKey);
    expect(foreign.status).toBe(404);
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    expect(await statusWith(mir.client, tree[0]!.key)).toBe(200);
  });

  it('a repeated kill is harmless, also when everything is revoked already', async () => {
    const { partner, tree } = await aTree(20);
    const first = await kill(tree[0]!.agentId, partner.liveKey);
    await closed(first.body.cascadeId, partner.liveKey);
    const again = await kill(tree[0]!.agentId, partner.liveKey);
    expect(again.status).toBe(202);
    await closed(again.body.cascadeId, partner.liveKey);
    expect((await auditOf(mir.ctx, tree[7]!.agentId)).filter(({ action }) => action === 'agent.revoked')).toHaveLength(
      1,
    );
  });
});
