import { z } from 'zod';
import { type AgentStatus, MAX_AGENT_DEPTH } from '../../shared/domain/agent';
import { MAX_ROWS_EXAMINED } from '../../shared/store/list-page';
import type { ApiContext } from '../context';
import { NDJSON, ndjsonOf, rejectCursor, requestedLines, wantsNdjson } from '../http/ndjson';
import { ownerOf } from '../../shared/concurrency/long-work';
import { pageQuery, pageSchema, readCursor, encryptCursor } from '../http/paging';
import { type Charge, chargeRows, FREE, payForRows } from '../http/price';
import { route } from '../http/route';

import { agentAccess, requireSelfOrDescendant } from './agent-access';
import { agentStatusSchema } from './enum-schemas';
import { type TreeNode, treeNodeSchema, type TreePart, walkTree } from './walk-tree';

/** The part of a tenant's trees to list, optionally filtered by effective status. */
export interface TreeQuery extends Omit<TreePart, 'after' | 'maxRows'> {
  status?: AgentStatus | undefined;
}

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** Yields the matching nodes, depth-first. Charges for every node that it reads. */
export async function* nodesOf(
  { store }: Pick<Deps, 'store'>,
  { status, ...part }: TreeQuery,
  charge: Charge = FREE,
): AsyncGenerator<TreeNode> {
  for await (const node of chargeRows(walkTree({ store }, part), charge)) {
    if (status === undefined || node.status === status) yield node;
  }
}

/**
 * Returns a page of matching nodes, depth-first. Filters the nodes after reading them, so that the number of agents
 * read is bounded. A page may therefore contain fewer than `limit` nodes even if more pages follow. Charges for the
 * nodes that it reads beyond `limit`. Once the budget is exhausted, returns the page even if it is not full.
 */
async function pageOfTree(
  { store, secrets }: Deps,
  { status, levels, ...part }: TreeQuery,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  charge: Charge,
): Promise<{ data: TreeNode[]; nextCursor: string | null }> {
  // Bind the cursor to this tree, because the walk resumes with the marks of the cursor agent's ancestors.
  const owner = `tree|${part.tenant}|${part.root?._id ?? ''}`;
  const position = readCursor(secrets.cursor, owner, cursor);
  const after = position && (await store.agents.get(part.tenant, position.id));
  const maxDepth = levels === undefined ? Infinity : (part.root?.depth ?? 0) + levels;
  const data: TreeNode[] = [];
  const pay = payForRows(limit, charge);
  let examined = 0;
  let last = position?.id ?? '';
  for await (const node of walkTree({ store }, { ...part, after, maxRows: MAX_ROWS_EXAMINED })) {
    if (data.length === limit || !(await pay(1))) {
      return { data, nextCursor: encryptCursor(secrets.cursor, owner, [0, last]) };
    }
    examined += 1;
    last = node.agentId;
    if (node.depth <= maxDepth && (status === undefined || node.status === status)) data.push(node);
  }
  return { data, nextCursor: examined < MAX_ROWS_EXAMINED ? null : encryptCursor(secrets.cursor, owner, [0, last]) };
}

const querySchema = z.strictObject({
  rootAgentId: z.string().min(1).max(100).optional().describe('Return only this agent and its descendants.'),
  status: agentStatusSchema.optional().describe('Return only agents with this effective status.'),
  maxDepth: z.coerce
    .number()
    .int()
    .min(0)
    .max(MAX_AGENT_DEPTH)
    .optional()
    .describe('Number of levels to return below each root. 0 returns only roots.'),
  ...pageQuery,
});

export const getTreeRoute = route({
  operationId: 'getAgentTree',
  method: 'GET',
  path: '/agents/tree',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    availableWithoutRedis: true,
    price: { rows: requestedLines, asRead: true },
  },
  tag: 'Agents',
  summary: 'List agents depth-first',
  description:
    'Each agent follows its parent or its previous sibling’s subtree. Siblings are sorted by ID. If you set `status` or `maxDepth`, a page may contain fewer than `limit` agents; continue until `nextCursor` is null. With `Accept: application/x-ndjson`, streams all agents, one per line. If the stream fails or the budget is used up, MIR drops the connection instead of ending the response.',
  query: querySchema,
  answers: {
    200: {
      description: 'A page of agents',
      schema: pageSchema('TreeNodePage', treeNodeSchema),
      otherMedia: { [NDJSON]: treeNodeSchema },
    },
  },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT'],
  handle: async (call) => {
    const { ctx, query, headers } = call;
    const { charge } = call.caller;
    const access = agentAccess(call, { write: false });
    const { tenant, self } = access;
    const rootId = query.rootAgentId ?? self;
    const root = rootId === null ? null : requireSelfOrDescendant(access, await ctx.store.agents.get(tenant, rootId));
    const treeQuery: TreeQuery = { tenant, root, levels: query.maxDepth, status: query.status };
    const owner = ownerOf(tenant, self);
    if (!wantsNdjson(headers)) {
      return { status: 200, body: await ctx.longWork.list(owner, () => pageOfTree(ctx, treeQuery, query, charge)) };
    }
    rejectCursor(query);
    const nodes = ndjsonOf(nodesOf(ctx, treeQuery, charge), (node) => node);
    return { status: 200, mediaType: NDJSON, stream: ctx.longWork.stream(owner, nodes) };
  },
});
