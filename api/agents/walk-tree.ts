import { z } from 'zod';
import type { AgentStatus } from '../../shared/domain/agent';
import type { Tenant } from '../../shared/domain/ids';
import { statusesInPathOrder } from '../../shared/domain/tree-order';
import type { TreeRow } from '../../shared/store/agent-tree';
import type { AgentDoc } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { agentStatusSchema, agentTypeSchema, membershipSourceSchema } from './enum-schemas';

const WALK_BATCH = 500;

/** An agent as a node of its tree. `status` is its effective status. */
export const treeNodeSchema = z
  .object({
    agentId: z.string(),
    name: z.string().meta({ examples: ['Restock bot'] }),
    type: agentTypeSchema,
    parentId: z.string().nullable(),
    depth: z.int().describe('0 for registered agents, 1 for their children, and so on.'),
    membershipSource: membershipSourceSchema,
    status: agentStatusSchema.meta({
      examples: ['ACTIVE'],
      description:
        'Effective status, which reflects whether an ancestor’s subtree was killed, suspended or has expired.',
    }),
    lastActivityAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'TreeNode' });
export type TreeNode = z.output<typeof treeNodeSchema>;

export function presentNode(row: TreeRow, status: AgentStatus): TreeNode {
  const { _id, name, type, parentId, depth, membershipSource, lastActivityAt, createdAt } = row;
  return {
    agentId: _id,
    name,
    type,
    parentId,
    depth,
    membershipSource,
    status,
    lastActivityAt: lastActivityAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
  };
}

/**
 * Part of a tenant's trees: the subtree of `root`, or all trees if `root` is null, limited to `levels` levels below
 * each root.
 */
export interface TreePart {
  tenant: Tenant;
  root: AgentDoc | null;
  levels?: number | undefined;
  /** If set, the walk starts after this agent. */
  after?: AgentDoc | null;
  /** If set, the walk ends after this many agents. */
  maxRows?: number;
}

type Deps = { store: Pick<ApiContext['store'], 'agents'> };

/**
 * Yields agents depth-first with their effective statuses. Siblings are sorted by ID. Memory use does not grow with the
 * tree. The caller may stop at any agent.
 */
export async function* walkTree(
  { store }: Deps,
  { tenant, root, levels, after = null, maxRows }: TreePart,
): AsyncGenerator<TreeNode, void> {
  // Every ancestor of a later agent is `after`, one of its ancestors, or an agent that the walk has already visited.
  const above = after ? [...after.ancestors, after._id] : (root?.ancestors ?? []);
  const statusOf = statusesInPathOrder(Date.now(), await store.agents.byIds(above));
  const rows = store.agents.walk(
    {
      tenant,
      rootPath: root?.path ?? null,
      afterPath: after?.path ?? null,
      maxDepth: levels === undefined ? null : (root?.depth ?? 0) + levels,
      maxRows: maxRows ?? null,
    },
    WALK_BATCH,
  );
  for await (const row of rows) yield presentNode(row, statusOf(row));
}
