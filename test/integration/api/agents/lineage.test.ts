import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TreeNode } from '../../../../api/agents/walk-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';

const CHILDREN = 23;

let h: Harness;
let partner: TestPartner;
/** root › middle › self › children, one grandchild. */
let root: TestAgent;
let middle: TestAgent;
let self: TestAgent;
let children: TestAgent[];
let grandchild: TestAgent;
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  partner = await h.partner();
  const { store } = h.ctx;
  const make = (name: string, parent?: TestAgent, createdAt = new Date()) =>
    insertAgent(store, partner, { name, type: 'SERVICE_ACCOUNT', preset: 'ADMIN', createdAt }, parent);
  root = await make('root');
  middle = await make('middle', root);
  self = await make('self', middle);
  children = [];
  const bornMs = Date.now();
  // Three at a time share their birth's millisecond.
  for (let n = 0; n < CHILDREN; n += 1) {
    children.push(await make(`child ${n}`, self, new Date(bornMs + Math.floor(n / 3))));
  }
  grandchild = await make('grandchild', children[0]);
});
afterAll(() => h.close());

const lineageOf = (agentId: string, key = partner.liveKey, query = '') =>
  h.client.get(`/v1/agents/${agentId}/lineage${query}`, key);
const postAction = (agentId: string, what: string, body = {}) =>
  h.client.post(`/v1/agents/${agentId}/${what}`, partner.liveKey, body);
const idsOf = (nodes: TreeNode[]): string[] => nodes.map(({ agentId }) => agentId);
const born = ({ doc, agentId }: TestAgent): string => `${doc.createdAt.toISOString()} ${agentId}`;
const oldestFirst = (agents: TestAgent[]): string[] =>
  agents.toSorted((a, b) => (born(a) < born(b) ? -1 : 1)).map(({ agentId }) => agentId);

describe('the lineage of an agent', () => {
  it('is its ancestry from the root to itself, and its direct children, the oldest first', async () => {
    const { status, body } = await lineageOf(self.agentId);
    expect(status).toBe(200);
    expect(idsOf(body.ancestry)).toEqual([root.agentId, middle.agentId, self.agentId]);
    expect((body.ancestry as TreeNode[]).map(({ depth }) => depth)).toEqual([0, 1, 2]);
    expect(idsOf(body.children)).toEqual(oldestFirst(children));
    expect(body.nextCursor).toBeNull();
  });

  it('of a root is itself alone, and of a leaf has no children', async () => {
    const ofRoot = (await lineageOf(root.agentId)).body;
    expect([idsOf(ofRoot.ancestry), idsOf(ofRoot.children)]).toEqual([[root.agentId], [middle.agentId]]);
    expect((await lineageOf(grandchild.agentId)).body.children).toEqual([]);
  });

  it.each([1, 2, 5, 22, 23])('loses and repeats no child over pages of %i', async (limit) => {
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

  it('goes through an agent that was revoked alone: those below it go on and keep it as their ancestor', async () => {
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

  it('tells the status that counts, of ancestors and children, under a suspended subtree', async () => {
    await postAction(self.agentId, 'suspend', { includeDescendants: true });
    const { ancestry, children: shown } = (await lineageOf(self.agentId)).body;
    expect((ancestry as TreeNode[]).map(({ status }) => status)).toEqual(['ACTIVE', 'REVOKED', 'SUSPENDED']);
    expect(new Set((shown as TreeNode[]).map(({ status }) => status))).toEqual(new Set(['SUSPENDED']));
    const deep = (await lineageOf(grandchild.agentId)).body.ancestry as TreeNode[];
    expect(deep.map(({ status }) => status)).toEqual(['ACTIVE', 'REVOKED', 'SUSPENDED', 'SUSPENDED', 'SUSPENDED']);
    await postAction(self.agentId, 'reactivate');
    expect((await lineageOf(grandchild.agentId)).body.ancestry.at(-1).status).toBe('ACTIVE');
  });

  it('is shown to an agent of itself and of what is below it only', async () => {
    expect((await lineageOf(self.agentId, self.apiKey)).status).toBe(200);
    expect((await lineageOf(grandchild.agentId, self.apiKey)).status).toBe(200);
    expectProblem(await lineageOf(root.agentId, self.apiKey), 403, 'NOT_YOUR_DESCENDANT');
    expectProblem(await lineageOf(self.agentId, grandchild.apiKey), 403, 'NOT_YOUR_DESCENDANT');
  });

  it('answers alike for a foreign agent and a missing one', async () => {
    const stranger = await h.partner();
    const foreign = await lineageOf(self.agentId, stranger.liveKey);
    const missing = await lineageOf('agt_live_0', stranger.liveKey);
    const otherEnv = await lineageOf(self.agentId, partner.testKey);
    for (const answer of [foreign, missing, otherEnv]) expectProblem(answer, 404, 'NOT_FOUND');
    expect({ ...foreign.body, requestId: '' }).toEqual({ ...missing.body, requestId: '' });
  });
});
