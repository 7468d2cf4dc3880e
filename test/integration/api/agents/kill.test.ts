import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tenantOf } from '../../../../shared/domain/ids';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { waitUntil } from '../../../support/wait-until';
import { allowSpawning, auditOf, startSecondApi, statusWith } from '../../../support/agents';
import { isSlowMongo } from '../../../support/test-stores';

/** More agents than fit in one cascade page. The number is smaller for the PyPI stand-in for MongoDB, which is slow. */
const DEFAULT_SIZE = isSlowMongo() ? 1_100 : 2_000;
const SIZE = Number(process.env['KILL_TREE_SIZE'] ?? DEFAULT_SIZE);
const SAMPLES = 40;
const CONCURRENT_KEYS = 4;
/** Under load, closing a cascade can take half a minute with the PyPI stand-in for MongoDB. */
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

async function createTree(size: number): Promise<{ partner: TestPartner; tree: GrownAgent[] }> {
  const partner = await mir.partner();
  return { partner, tree: await growTree(mir.ctx.store, tenantOf(partner.partnerId, 'live'), size) };
}

const kill = (agentId: string, key: string, body: Record<string, unknown> = {}) =>
  mir.client.post(`/v1/agents/${agentId}/revoke-descendants`, key, body);

async function waitUntilClosed(cascadeId: string, key: string): Promise<Record<string, unknown>> {
  let body: Record<string, unknown> = {};
  const isClosed = async (): Promise<boolean> => {
    ({ body } = await mir.client.get(`/v1/cascades/${cascadeId}`, key));
    return body['status'] === 'CLOSED';
  };
  await waitUntil('the cascade is closed', isClosed, CLOSED_WITHIN_MS);
  return body;
}

/** Returns each key's status on each API. Checks a few keys at a time because uncached keys cost database reads. */
async function statusesOf(agents: readonly GrownAgent[]): Promise<number[]> {
  const statuses: number[] = [];
  for (let at = 0; at < agents.length; at += CONCURRENT_KEYS) {
    const calls = agents
      .slice(at, at + CONCURRENT_KEYS)
      .flatMap(({ key }) => clients().map((client) => statusWith(client, key)));
    statuses.push(...(await Promise.all(calls)));
  }
  return statuses;
}

const below = (tree: GrownAgent[], { path }: GrownAgent) => tree.filter((agent) => agent.path.startsWith(path));

describe('POST /v1/agents/:id/revoke-descendants', () => {
  it('rejects every key in a killed subtree, even cached keys, on all processes once the kill returns', async () => {
    const { partner, tree } = await createTree(SIZE);
    const step = Math.ceil(tree.length / SAMPLES);
    const sampled = tree.filter((_, n) => n % step === 0);
    expect(new Set(await statusesOf(sampled))).toEqual(new Set([200]));
    const response = await kill(tree[0]!.agentId, partner.liveKey, { reason: 'drill' });
    expect(response).toMatchObject({ status: 202, body: { status: 'RUNNING' } });
    expect(new Set(await statusesOf([...sampled, ...tree.slice(-SAMPLES)]))).toEqual(new Set([401]));

    const cascade = await waitUntilClosed(response.body.cascadeId, partner.liveKey);
    expect(cascade).toMatchObject({ affected: SIZE, revoked: SIZE, audited: SIZE, parked: 0 });
    const { agents, audit } = mir.ctx.store;
    const ids = tree.map(({ agentId }) => agentId);
    expect(await agents.model.countDocuments({ _id: { $in: ids }, key: null, status: 'REVOKED' })).toBe(SIZE);
    expect(await audit.model.countDocuments({ cascadeId: response.body.cascadeId })).toBe(SIZE);
    expect((await audit.model.distinct('target', { cascadeId: response.body.cascadeId })).length).toBe(SIZE);
  }, 180_000);

  it('returns the location of the cascade, which is also served at its earlier path', async () => {
    const { partner, tree } = await createTree(2);
    const response = await kill(tree[0]!.agentId, partner.liveKey);
    const { cascadeId } = response.body;
    expect(response.headers.get('location')).toBe(`/v1/cascades/${cascadeId}`);
    const read = async () => (await mir.client.get(`/v1/cascades/${cascadeId}`, partner.liveKey)).body;
    await waitUntil('the report is signed', async () => (await read()).signature !== null);
    const cascade = await read();
    for (const path of [`/v1/agents/cascades/${cascadeId}`, `/agents/cascades/${cascadeId}`]) {
      expect(await mir.client.get(path, partner.liveKey)).toMatchObject({ status: 200, body: cascade });
    }
  });

  it('previews a kill with dryRun without changing anything', async () => {
    const { partner, tree } = await createTree(50);
    const inner = tree.find(({ depth }) => depth === 2)!;
    const subtree = below(tree, inner);
    const preview = await kill(inner.agentId, partner.liveKey, { dryRun: true });
    expect(preview).toMatchObject({
      status: 200,
      body: { affected: subtree.length, byStatus: { ACTIVE: subtree.length } },
    });
    expect(preview.body.deepest).toBe(Math.max(...subtree.map(({ depth }) => depth)));
    expect(new Set(await statusesOf(subtree.slice(0, 5)))).toEqual(new Set([200]));
  });

  it.each(['revoke-descendants?dryRun=true', 'revoke?includeDescendants=true', 'suspend?reason=x'])(
    'rejects request options in the query string instead of ignoring them: %s',
    async (path) => {
      const { partner, tree } = await createTree(3);
      const response = await mir.client.post(`/v1/agents/${tree[0]!.agentId}/${path}`, partner.liveKey, {});
      expect(response).toMatchObject({
        status: 422,
        body: { code: 'VALIDATION_FAILED', errors: [{ code: 'UNKNOWN_FIELD' }] },
      });
      expect(new Set(await statusesOf(tree))).toEqual(new Set([200]));
    },
  );

  it('does not affect the ancestors or siblings of a killed agent', async () => {
    const { partner, tree } = await createTree(120);
    const inner = tree.find(({ depth, path }) => depth === 2 && below(tree, { path } as GrownAgent).length > 3)!;
    const killed = new Set(below(tree, inner).map(({ agentId }) => agentId));
    const { body } = await kill(inner.agentId, partner.liveKey);
    await waitUntilClosed(body.cascadeId, partner.liveKey);
    for (const agent of tree) {
      expect(await statusWith(mir.client, agent.key)).toBe(killed.has(agent.agentId) ? 401 : 200);
    }
  });

  it('kills the descendants of an agent that was already revoked, without counting that agent again', async () => {
    const { partner, tree } = await createTree(60);
    const middle = tree.find(({ depth, path }) => depth === 1 && below(tree, { path } as GrownAgent).length > 3)!;
    const revoked = await mir.client.post(`/v1/agents/${middle.agentId}/revoke`, partner.liveKey, { reason: 'left' });
    expect(revoked).toMatchObject({ status: 200, body: { status: 'REVOKED' } });
    const child = tree.find(({ parentId }) => parentId === middle.agentId)!;
    expect(await statusWith(mir.client, child.key)).toBe(200);

    const { body } = await kill(middle.agentId, partner.liveKey);
    expect(await statusWith(mir.client, child.key)).toBe(401);
    const subtree = below(tree, middle);
    expect(await waitUntilClosed(body.cascadeId, partner.liveKey)).toMatchObject({ revoked: subtree.length - 1 });
    expect((await auditOf(mir.ctx, middle.agentId)).filter(({ action }) => action === 'agent.revoked')).toHaveLength(1);
  });

  it('rejects spawning, key rotation and reactivation below a killed agent', async () => {
    const { partner, tree } = await createTree(30);
    // Allow spawning so that only the kill can make the spawn fail.
    await allowSpawning(mir.client, partner);
    const leaf = tree.at(-1)!;
    await kill(tree[0]!.agentId, partner.liveKey);
    for (const action of ['key/rotate', 'reactivate']) {
      const response = await mir.client.post(`/v1/agents/${leaf.agentId}/${action}`, partner.liveKey, {});
      expect(response).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
    }
    const spawned = await mir.client.post(`/v1/agents/${leaf.agentId}/spawn`, partner.liveKey, { name: 'late child' });
    expect(spawned).toMatchObject({ status: 409, body: { code: 'AGENT_REVOKED' } });
  });

  it('returns the same 404 for killing another partner’s agent as for an unknown agent, and does not kill any agents', async () => {
    const { tree } = await createTree(5);
    const otherPartner = await mir.partner();
    const foreign = await kill(tree[0]!.agentId, otherPartner.liveKey);
    const missing = await kill(`${tree[0]!.agentId.slice(0, -4)}zzzz`, otherPartner.liveKey);
    expect(foreign.status).toBe(404);
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    expect(await statusWith(mir.client, tree[0]!.key)).toBe(200);
  });

  it('accepts a repeated kill of a revoked subtree without revoking any agents again', async () => {
    const { partner, tree } = await createTree(20);
    const first = await kill(tree[0]!.agentId, partner.liveKey);
    await waitUntilClosed(first.body.cascadeId, partner.liveKey);
    const repeat = await kill(tree[0]!.agentId, partner.liveKey);
    expect(repeat.status).toBe(202);
    await waitUntilClosed(repeat.body.cascadeId, partner.liveKey);
    expect((await auditOf(mir.ctx, tree[7]!.agentId)).filter(({ action }) => action === 'agent.revoked')).toHaveLength(
      1,
    );
  });
});
