import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { statusesInPathOrder } from '../../shared/domain/tree-order';
import type { AgentDoc } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { pageQuery, presentPage, readCursor, requestedRows } from '../http/paging';
import { route } from '../http/route';

import { idParams } from '../http/schemas';
import { agentAccess, requireSelfOrDescendant } from './agent-access';
import { presentNode, treeNodeSchema, type TreeNode } from './walk-tree';

export interface Lineage {
  ancestry: TreeNode[];
  children: TreeNode[];
  nextCursor: string | null;
}

/** Returns an agent's ancestors followed by the agent itself, and a page of its children, oldest first. */
export async function readLineage(
  { store, secrets }: Pick<ApiContext, 'store' | 'secrets'>,
  agent: AgentDoc,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<Lineage> {
  const owner = `children|${agent._id}`;
  const after = readCursor(secrets.cursor, owner, cursor);
  const [above, page] = await Promise.all([
    store.agents.byIds(agent.ancestors),
    store.agents.children(agent, after, limit),
  ]);
  const statusOf = statusesInPathOrder(Date.now());
  const ancestry = [...above, agent].map((one) => presentNode(one, statusOf(one)));
  const { data: children, nextCursor } = presentPage(secrets.cursor, owner, page, (row) =>
    presentNode(row, statusOf(row)),
  );
  return { ancestry, children, nextCursor };
}

export const getLineageRoute = route({
  operationId: 'getAgentLineage',
  method: 'GET',
  path: '/agents/:id/lineage',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    availableWithoutRedis: true,
    price: { rows: requestedRows },
  },
  tag: 'Agents',
  summary: 'Get an agent’s ancestors and children',
  params: idParams,
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'The path from the root to the agent, and a page of its children, oldest first',
      schema: z
        .object({
          ancestry: z.array(treeNodeSchema),
          children: z.array(treeNodeSchema),
          nextCursor: z.string().nullable().describe('Cursor for more children.'),
        })
        .meta({ id: 'Lineage' }),
    },
  },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT'],
  handle: async (call) => {
    const { ctx, params, query } = call;
    const access = agentAccess(call, { write: false });
    const agent = requireSelfOrDescendant(access, await ctx.store.agents.get(access.tenant, params.id));
    const owner = ownerOf(access.tenant, access.self);
    return { status: 200, body: await ctx.longWork.list(owner, () => readLineage(ctx, agent, query)) };
  },
});
