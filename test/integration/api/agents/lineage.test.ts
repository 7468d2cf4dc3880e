import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TreeNode } from '../../../../api/agents/walk-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';

const CHILDREN = 23;

let h: Harness;
let partner: TestPartner;
/** The tree is root › middle › self › children. Only the first child has a child of its own. */
let root: TestAgent;
let middle: TestAgent;
let self: TestAgent;
let children: TestAgent[];
let grandchild: TestAgent;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  partner = await h.partner();
  const { store } = h.ctx;
  const create = (name: string, parent?: TestAgent, createdAt = new Date()) =>
    insertAgent(store, partner, { name, type: 'SERVICE_ACCOUNT', preset: 'ADMIN', createdAt }, parent);
  root = await create('root');
  middle = await create('middle', root);
  self = await create('self', middle);
  children = [];
  const createdMs = Date.now();
  // Each group of three children shares a creation time.
  for (let n = 0; n < CHILDREN; n += 1) {
    children.push(await create(`child ${n}`, self, new Date(createdMs + Math.floor(n / 3))));
  }
  grandchild = await create('grandchild', children[0]);
});
afterAll(() => h.close());

const lineageOf = (agentId: string, key = partner.liveKey, query = '') =>
  h.client.get(`/v1/agents/${agentId}/lineage${query}`, key);
const postAction = (agentId: string, action: string, body = {}) =>
  h.client.post(`/v1/agents/${agentId}/${action}`, partner.liveKey, body);
const idsOf = (nodes: TreeNode[]): string[] => nodes.map(({ agentId }) => agentId);
const sortKey = ({ doc, agentId }: TestAgent): string => `${doc.createdAt.toISOString()} ${agentId}`;
const oldestFirst = (agents: TestAgent[]): string[] =>
  agents.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1)).map(({ agentId }) => agentId);

describe('GET /v1/agents/:id/lineage', () => {
  it('returns the ancestry from the root to the agent, and its direct children, oldest first', async () => {
    const { status, body } = await lineageOf(self.agentId);
    expect(status).toBe(200);
    expect(idsOf(body.ancestry)).toEqual([root.agentId, middle.agentId, self.agentId]);
    expect((body.ancestry as TreeNode[]).map(({ depth }) => depth)).toEqual([0, 1, 2]);
    expect(idsOf(body.children)).toEqual(oldestFirst(children));
    expect(body.nextCursor).toBeNull();
  });

  it('returns only the root itself as the ancestry of a root, and no children for a leaf', async () => {
    const rootLineage = (await lineageOf(root.agentId)).body;
    expect([idsOf(rootLineage.ancestry), idsOf(rootLineage.children)]).toEqual([[root.agentId], [middle.agentId]]);
    expect((await lineageOf(grandchild.agentId)).body.children).toEqual([]);
  });

  it.each([1, 2, 5, 22, 23])('returns each child exactly once across pages of %i', async (limit) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { body } = await lineageOf(self.agentId, partner.liveKey, `?limit=${limit}${more}`);
      expect(idsOf(body.ancestry)).toHaveLength(3);
      seen.push(...idsOf(body.children));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(oldestFirst(children));
  });

  it('keeps a revoked agent in the ancestry of its active descendants', async () => {
    expect(await postAction(middle.agentId, 'revoke', { reason: 'left' })).toMatchObject({ status: 200 });
    const { ancestry } = (await lineageOf(self.agentId)).body as { ancestry: TreeNode[] };
    expect(ancestry.map(({ agentId, status }) => [agentId, status])).toEqual([
      [root.agentId, 'ACTIVE'],
      [middle.agentId, 'REVOKED'],
      [self.agentId, 'ACTIVE'],
    ]);
    const above = (await lineageOf(root.agentId)).body.children as TreeNode[];
    expect(above.map(({ agentId, status }) => [agentId, status])).toEqual([[middle.agentId, 'REVOKED']]);
  });

  it('returns the effective status of ancestors and children in a suspended subtree', async () => {
    await postAction(self.agentId, 'suspend', { includeDescendants: true });
    const { ancestry, children: shown } = (await lineageOf(self.agentId)).body;
    expect((ancestry as TreeNode[]).map(({ status }) => status)).toEqual(['ACTIVE', 'REVOKED', 'SUSPENDED']);
    expect(new Set((shown as TreeNode[]).map(({ status }) => status))).toEqual(new Set(['SUSPENDED']));
    const grandchildAncestry = (await lineageOf(grandchild.agentId)).body.ancestry as TreeNode[];
    expect(grandchildAncestry.map(({ status }) => status)).toEqual([
      'ACTIVE',
      'REVOKED',
      'SUSPENDED',
      'SUSPENDED',
      'SUSPENDED',
    ]);
    await postAction(self.agentId, 'reactivate');
    expect((await lineageOf(grandchild.agentId)).body.ancestry.at(-1).status).toBe('ACTIVE');
  });

  it('lets an agent read only its own lineage and the lineages of its descendants', async () => {
    expect((await lineageOf(self.agentId, self.apiKey)).status).toBe(200);
    expect((await lineageOf(grandchild.agentId, self.apiKey)).status).toBe(200);
    expectProblem(await lineageOf(root.agentId, self.apiKey), 403, 'NOT_YOUR_DESCENDANT');
    expectProblem(await lineageOf(self.agentId, grandchild.apiKey), 403, 'NOT_YOUR_DESCENDANT');
  });

  it('returns the same 404 for agents of other partners and environments as for unknown agents', async () => {
    const otherPartner = await h.partner();
    const foreign = await lineageOf(self.agentId, otherPartner.liveKey);
    const missing = await lineageOf('agt_live_0', otherPartner.liveKey);
    const otherEnv = await lineageOf(self.agentId, partner.testKey);
    for (const response of [foreign, missing, otherEnv]) expectProblem(response, 404, 'NOT_FOUND');
    for (const { body } of [foreign, otherEnv]) {
      expect({ ...body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
    }
  });
});
