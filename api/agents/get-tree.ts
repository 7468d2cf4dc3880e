import { z } from 'zod';
import { type AgentStatus, MAX_AGENT_DEPTH } from '../../shared/domain/agent';
import type { ApiContext } from '../context';
import { NDJSON, ndjsonOf, rejectCursor, wantsNdjson } from '../http/ndjson';
import { ownerOf } from '../../shared/concurrency/long-work';
import { pageQuery, pageSchema, readCursor, signCursor } from '../http/paging';
import { route } from '../http/route';

import { agentAccess, requireSelfOrDescendant } from './agent-access';
import { agentStatusSchema } from './enum-schemas';
import { type TreeNode, treeNodeSchema, type TreePart, walkTree } from './walk-tree';

/** Agents that a page looks at for those with the asked status; a page may be short, and the next one goes on. */
const MAX_LOOKED_AT = 5_000;

/** What of a tree to show. */
export interface TreeAsk extends Omit<TreePart, 'after'> {
  status?: AgentStatus | undefined;
}

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** The nodes asked for, as they come. */
export async function* nodesOf({ store }: Pick<Deps, 'store'>, { status, ...part }: TreeAsk): AsyncGenerator<TreeNode> {
  for await (const node of walkTree({ store }, part)) {
    if (status === undefined || node.status === status) yield node;
  }
}

/** A page of a tree, depth-first. */
async function pageOfTree(
  { store, secrets }: Deps,
  { status, ...part }: TreeAsk,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ data: TreeNode[]; nextCursor: string | null }> {
  // Marks above another tree are not those above this one, so a cursor leads on in its own tree only.
  const owner = `tree|${part.tenant}|${part.root?._id ?? ''}`;
  const position = readCursor(secrets.cursor, owner, cursor);
  const after = position && (await store.agents.get(part.tenant, position.id));
  const data: TreeNode[] = [];
  let lookedAt = 0;
  let last = position?.id ?? '';
  for await (const node of walkTree({ store }, { ...part, after })) {
    if (data.length === limit || lookedAt === MAX_LOOKED_AT) {
      return { data, nextCursor: signCursor(secrets.cursor, owner, [0, last]) };
    }
    lookedAt += 1;
    last = node.agentId;
    if (status === undefined || node.status === status) data.push(node);
  }
  return { data, nextCursor: null };
}

const query = z.strictObject({
  rootAgentId: z.string().min(1).max(100).optional().describe('Only this agent and what is below it.'),
  status: agentStatusSchema.optional().describe('Only agents of this status, as it counts now.'),
  maxDepth: z.coerce
    .number()
    .int()
    .min(0)
    .max(MAX_AGENT_DEPTH)
    .optional()
    .describe('Levels below the root: 0 shows roots only.'),
  ...pageQuery,
});

/** `GET /agents/tree`. An agent key sees the tree from itself down. */
export const getTreeRoute = route({
  operationId: 'getAgentTree',
  method: 'GET',
  path: '/agents/tree',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: true },
  tag: 'Agents',
  summary: 'Walk the trees of agents, depth-first',
  description:
    'Each agent comes right after its parent or an elder sibling’s subtree; siblings are in the order of their ids. With `status` a page may be short: go on until `nextCursor` is null. With `Accept: application/x-ndjson` all are streamed, one a line; a stream that breaks off is cut, never ended in good order',
  query,
  answers: {
    200: {
      description: 'A page of agents',
      schema: pageSchema('TreeNodePage', treeNodeSchema),
      otherMedia: { [NDJSON]: treeNodeSchema },
    },
  },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT'],
  handle: async (call) => {
    const { ctx, query: asked, headers } = call;
    const access = agentAccess(call, { plan: 'ANY', write: false });
    const { tenant, self } = access;
    const rootId = asked.rootAgentId ?? self;
    const root = rootId === null ? null : requireSelfOrDescendant(access, await ctx.store.agents.get(tenant, rootId));
    const ask: TreeAsk = { tenant, root, levels: asked.maxDepth, status: asked.status };
    if (!wantsNdjson(headers)) return { status: 200, body: await pageOfTree(ctx, ask, asked) };
    rejectCursor(asked);
    const nodes = ndjsonOf(nodesOf(ctx, ask), (node) => node);
    return { status: 200, mediaType: NDJSON, stream: ctx.longWork.stream(ownerOf(tenant, self), nodes) };
  },
});
