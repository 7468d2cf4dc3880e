import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TreeNode } from '../../../../api/agents/walk-tree';
import type { AgentStatus } from '../../../../shared/domain/agent';
import { tenantOf } from '../../../../shared/domain/ids';
import type { AgentDoc } from '../../../../shared/store/agents';
import { type GrownAgent, growTree } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';

const SIZE = 300;
const OTHER_SIZE = 60;
/** Indexes of two agents with many descendants: one is killed, and the other is suspended with its subtree. */
const [KILLED, SUSPENDED_BELOW] = [2, 5];

const MARKED_AT = new Date('2026-11-01T00:00:00.000Z');

/** Returns the stored state of the nth agent in the first tree. */
function changesOf(n: number): Partial<AgentDoc> {
  const own: AgentStatus = n % 11 === 10 ? 'SUSPENDED' : n % 17 === 16 ? 'REVOKED' : 'ACTIVE';
  return {
    status: own,
    ...(n === KILLED ? { killedAt: MARKED_AT } : {}),
    ...(n === SUSPENDED_BELOW ? { subtreeSuspendedAt: MARKED_AT, status: 'SUSPENDED' } : {}),
    ...(n === 0 ? { status: 'ACTIVE' } : {}),
  };
}

/** An agent in the tree with its effective status, derived from its whole path. */
interface Expected extends GrownAgent {
  status: AgentStatus;
}

function expectedStatuses(tree: GrownAgent[]): Expected[] {
  const under = (agent: GrownAgent, n: number): boolean => `${agent.path}/`.startsWith(`${tree[n]!.path}/`);
  return tree.map((agent, n) => {
    const own = changesOf(n).status!;
    if (own !== 'REVOKED' && under(agent, KILLED)) return { ...agent, status: 'REVOKED' };
    return { ...agent, status: own === 'ACTIVE' && under(agent, SUSPENDED_BELOW) ? 'SUSPENDED' : own };
  });
}

/** Returns the IDs of `root` and its descendants in depth-first order, with siblings sorted by ID. */
function depthFirst(tree: GrownAgent[], root: GrownAgent): string[] {
  const children = tree.filter(({ parentId }) => parentId === root.agentId);
  const inOrder = children.toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1));
  return [root.agentId, ...inOrder.flatMap((child) => depthFirst(tree, child))];
}

let h: Harness;
let partner: TestPartner;
let tree: Expected[];
let otherTree: GrownAgent[];
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  partner = await h.partner();
  const tenant = tenantOf(partner.partnerId, 'live');
  tree = expectedStatuses(await growTree(h.ctx.store, tenant, SIZE, changesOf));
  otherTree = await growTree(h.ctx.store, tenant, OTHER_SIZE);
});
afterAll(() => h.close());

const getTree = (query: string, key = partner.liveKey) => h.client.get(`/v1/agents/tree?${query}`, key);

/** Returns every page of a tree listing. */
async function allPages(query: string, key = partner.liveKey): Promise<TreeNode[][]> {
  const pages: TreeNode[][] = [];
  let cursor: string | null = null;
  do {
    const { status, body } = await getTree(`${query}${cursor === null ? '' : `&cursor=${cursor}`}`, key);
    expect(status).toBe(200);
    pages.push(body.data as TreeNode[]);
    cursor = body.nextCursor as string | null;
  } while (cursor !== null);
  return pages;
}

async function streamTree(query: string, key = partner.liveKey): Promise<TreeNode[]> {
  const res = await fetch(`${h.url}/v1/agents/tree?${query}`, {
    headers: { 'x-api-key': key, accept: 'application/x-ndjson' },
  });
  expect(res.status).toBe(200);
  expect(res.headers.get('content-type')).toContain('application/x-ndjson');
  const text = await res.text();
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as TreeNode);
}

const idsOf = (nodes: readonly { agentId: string }[]): string[] => nodes.map(({ agentId }) => agentId);

describe('GET /v1/agents/tree', () => {
  it('returns agents depth-first with their parent, depth, membership source and effective status', async () => {
    const nodes = (await getTree(`rootAgentId=${tree[0]!.agentId}&limit=500`)).body.data as TreeNode[];
    expect(idsOf(nodes)).toEqual(depthFirst(tree, tree[0]!));
    const expected = new Map(tree.map((agent) => [agent.agentId, agent]));
    for (const { agentId, parentId, depth, membershipSource, status } of nodes) {
      const agent = expected.get(agentId)!;
      const source = agent.parentId === null ? 'REGISTERED' : 'SPAWNED';
      const expectedFields = {
        parentId: agent.parentId,
        depth: agent.depth,
        membershipSource: source,
        status: agent.status,
      };
      expect({ parentId, depth, membershipSource, status }).toEqual(expectedFields);
    }
    expect(new Set(tree.map(({ status }) => status))).toEqual(new Set(['ACTIVE', 'SUSPENDED', 'REVOKED']));
  });

  it.each([1, 7, 50, 299, 300])('returns each agent exactly once across pages of %i', async (limit) => {
    const pages = await allPages(`rootAgentId=${tree[0]!.agentId}&limit=${limit}`);
    expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
    expect(idsOf(pages.flat())).toEqual(depthFirst(tree, tree[0]!));
  });

  it('returns the effective status even when a page starts below a killed or suspended agent', async () => {
    const statusById = new Map(tree.map(({ agentId, status }) => [agentId, status]));
    const nodes = (await allPages(`rootAgentId=${tree[0]!.agentId}&limit=3`)).flat();
    expect(nodes.map(({ status }) => status)).toEqual(nodes.map(({ agentId }) => statusById.get(agentId)));
  });

  it('streams as NDJSON exactly the agents that paging returns', async () => {
    expect(await streamTree('')).toEqual((await allPages('limit=40')).flat());
    const filtered = `rootAgentId=${tree[0]!.agentId}&status=SUSPENDED&maxDepth=4`;
    const part = await streamTree(filtered);
    expect(part.length).toBeGreaterThan(0);
    expect(part).toEqual((await allPages(`${filtered}&limit=2`)).flat());
  });

  it('returns all of the partner’s trees, one after another, when no root is specified', async () => {
    const nodes = (await allPages('limit=500')).flat();
    const roots = [tree[0]!, otherTree[0]!].toSorted((a, b) => (a.agentId < b.agentId ? -1 : 1));
    const both = [...tree, ...otherTree];
    expect(idsOf(nodes)).toEqual(roots.flatMap((root) => depthFirst(both, root)));
  });

  it.each(['ACTIVE', 'SUSPENDED', 'REVOKED', 'REJECTED'] as const)(
    'filters by the effective status %s',
    async (status) => {
      const nodes = (await allPages(`rootAgentId=${tree[0]!.agentId}&status=${status}&limit=20`)).flat();
      const order = depthFirst(tree, tree[0]!);
      const wanted = new Set(tree.filter((agent) => agent.status === status).map(({ agentId }) => agentId));
      expect(idsOf(nodes)).toEqual(order.filter((id) => wanted.has(id)));
    },
  );

  it('measures maxDepth from the requested agent', async () => {
    const inner = tree.find(({ depth, agentId }) => depth === 2 && tree.some(({ parentId }) => parentId === agentId))!;
    const below = depthFirst(tree, inner);
    const depthById = new Map(tree.map(({ agentId, depth }) => [agentId, depth]));
    for (const levels of [0, 1, 2]) {
      const nodes = (await allPages(`rootAgentId=${inner.agentId}&maxDepth=${levels}&limit=4`)).flat();
      expect(idsOf(nodes)).toEqual(below.filter((id) => depthById.get(id)! <= inner.depth + levels));
    }
  });

  it('returns a killed agent’s descendants as REVOKED when only their subtree is requested', async () => {
    const killed = tree[KILLED]!;
    const child = tree.find(({ parentId }) => parentId === killed.agentId)!;
    const nodes = (await allPages(`rootAgentId=${child.agentId}&limit=2`)).flat();
    expect(idsOf(nodes)).toEqual(depthFirst(tree, child));
    expect(new Set(nodes.map(({ status }) => status))).toEqual(new Set(['REVOKED']));
  });

  it('shows an agent key only its own subtree', async () => {
    const self = tree.find(({ depth, status }, n) => depth === 1 && status === 'ACTIVE' && n !== SUSPENDED_BELOW)!;
    await h.ctx.store.agents.model.updateOne({ _id: self.agentId }, { $set: { preset: 'ADMIN' } });
    const own = depthFirst(tree, self);
    expect(own.length).toBeGreaterThan(1);
    expect(idsOf((await allPages('limit=5', self.key)).flat())).toEqual(own);
    expect(idsOf(await streamTree('', self.key))).toEqual(own);
    expectProblem(await getTree(`rootAgentId=${tree[0]!.agentId}`, self.key), 403, 'NOT_YOUR_DESCENDANT');
    expectProblem(await getTree(`rootAgentId=${otherTree[0]!.agentId}`, self.key), 403, 'NOT_YOUR_DESCENDANT');
  });

  it('returns the same 404 for another partner’s agent as for an unknown agent, and never lists that agent', async () => {
    const otherPartner = await h.partner();
    const foreign = await getTree(`rootAgentId=${tree[0]!.agentId}`, otherPartner.liveKey);
    const missing = await getTree(`rootAgentId=${tree[0]!.agentId.slice(0, -4)}zzzz`, otherPartner.liveKey);
    expectProblem(foreign, 404, 'NOT_FOUND');
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    expect((await getTree('', otherPartner.liveKey)).body).toEqual({ data: [], nextCursor: null });
    expect((await getTree('', partner.testKey)).body).toEqual({ data: [], nextCursor: null });
  });

  it('rejects a cursor from another tree, and any cursor when streaming', async () => {
    const { nextCursor } = (await getTree(`rootAgentId=${otherTree[0]!.agentId}&limit=2`)).body;
    const child = tree.find(({ parentId }) => parentId === tree[KILLED]!.agentId)!;
    for (const query of ['', `rootAgentId=${child.agentId}&`]) {
      expectProblem(await getTree(`${query}cursor=${nextCursor}`), 422, 'VALIDATION_FAILED');
    }
    const res = await h.client.request(
      'GET',
      `/v1/agents/tree?rootAgentId=${otherTree[0]!.agentId}&cursor=${nextCursor}`,
      {
        key: partner.liveKey,
        headers: { accept: 'application/x-ndjson' },
      },
    );
    expectProblem(res, 422, 'VALIDATION_FAILED');
  });
});
