import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PresentedAgent } from '../../../../api/agents/present-agent';
import { tenantOf } from '../../../../shared/domain/ids';
import { anAgent } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent, type TestAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';
import { sharedHarness } from '../../../support/shared-harness';

const CHILDREN = 7;
const AN_HOUR_MS = 3_600_000;

let h: Harness;
let partner: TestPartner;
/** The tree is root › middle › children. Another root has no children. */
let root: TestAgent;
let otherRoot: TestAgent;
let middle: TestAgent;
let children: TestAgent[];
beforeAll(async () => {
  h = await sharedHarness({ workers: false });
  partner = await h.partner();
  const { store } = h.ctx;
  const common = { type: 'SERVICE_ACCOUNT', preset: 'ADMIN' } as const;
  const expiresAt = new Date(Date.now() + AN_HOUR_MS);
  root = await insertAgent(store, partner, { ...common, name: 'root', childCount: 1, expiresAt });
  otherRoot = await insertAgent(store, partner, { ...common, name: 'other', createdAt: new Date(Date.now() + 1) });
  middle = await insertAgent(store, partner, { ...common, name: 'middle', childCount: CHILDREN }, root);
  children = [];
  const createdMs = Date.now();
  // Each group of three children shares a creation time.
  for (let n = 0; n < CHILDREN; n += 1) {
    const changes = { ...common, name: `child ${n}`, createdAt: new Date(createdMs + Math.floor(n / 3)) };
    children.push(await insertAgent(store, partner, changes, middle));
  }
});
afterAll(() => h.close());

const list = (query: string, key = partner.liveKey) => h.client.get(`/v1/agents?${query}`, key);
const idsOf = (agents: readonly { agentId: string }[]): string[] => agents.map(({ agentId }) => agentId);
const sortKey = ({ doc, agentId }: TestAgent): string => `${doc.createdAt.toISOString()} ${agentId}`;
const newestFirst = (agents: TestAgent[]): string[] =>
  agents.toSorted((a, b) => (sortKey(a) < sortKey(b) ? 1 : -1)).map(({ agentId }) => agentId);

describe('GET /v1/agents?parentId=', () => {
  it('returns the agents without a parent, and whether they have children', async () => {
    const { data } = (await list('parentId=none')).body;
    expect(idsOf(data)).toEqual(newestFirst([root, otherRoot]));
    const byId = new Map((data as PresentedAgent[]).map(({ agentId, hasChildren }) => [agentId, hasChildren]));
    expect([byId.get(root.agentId), byId.get(otherRoot.agentId)]).toEqual([true, false]);
  });

  it.each([1, 2, 3, 7, 50])('returns each child exactly once across pages of %i, newest first', async (limit) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const more: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { status, body } = await list(`parentId=${middle.agentId}&limit=${limit}${more}`);
      expect(status).toBe(200);
      seen.push(...idsOf(body.data));
      cursor = body.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(newestFirst(children));
  });

  it('shows what the ancestors impose on the children', async () => {
    const [first] = (await list(`parentId=${middle.agentId}&limit=1`)).body.data as PresentedAgent[];
    expect(first!.effectiveExpiresAt).toBe(root.doc.expiresAt!.toISOString());
    const suspend = (action: string, body = {}) =>
      h.client.post(`/v1/agents/${root.agentId}/${action}`, partner.liveKey, body);
    expect((await suspend('suspend', { includeDescendants: true })).status).toBe(200);
    for (const query of ['', '&type=SERVICE_ACCOUNT', '&status=SUSPENDED']) {
      const { data } = (await list(`parentId=${middle.agentId}${query}`)).body;
      expect((data as PresentedAgent[]).map(({ status }) => status)).toEqual(children.map(() => 'SUSPENDED'));
    }
    expect((await list(`parentId=${middle.agentId}&status=ACTIVE`)).body.data).toEqual([]);
    await suspend('reactivate');
  });

  it('shows an agent only itself and the levels below it', async () => {
    expect(idsOf((await list('parentId=none', middle.apiKey)).body.data)).toEqual([middle.agentId]);
    expect((await list('parentId=none&status=REVOKED', middle.apiKey)).body.data).toEqual([]);
    expect(idsOf((await list(`parentId=${middle.agentId}`, middle.apiKey)).body.data)).toEqual(newestFirst(children));
    expectProblem(await list(`parentId=${root.agentId}`, middle.apiKey), 403, 'NOT_YOUR_DESCENDANT');
  });

  it('returns 404 for an agent of another partner or environment', async () => {
    const other = await h.partner();
    const foreign = anAgent(tenantOf(other.partnerId, 'live'), middle.doc);
    await h.ctx.store.agents.model.create(foreign.doc);
    expect((await list(`parentId=${middle.agentId}`)).body.data).toHaveLength(CHILDREN);
    for (const key of [other.testKey, partner.testKey]) {
      expectProblem(await list(`parentId=${middle.agentId}`, key), 404, 'NOT_FOUND');
      expect((await list('parentId=none', key)).body).toEqual({ data: [], nextCursor: null });
    }
  });
});
