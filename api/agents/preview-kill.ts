import { z } from 'zod';
import type { AgentStatus } from '../../shared/domain/agent';
import type { AgentDoc } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { type Charge, chargeRows, FREE } from '../http/price';
import { agentStatusSchema } from './enum-schemas';
import { type TreeNode, treeNodeSchema, walkTree } from './walk-tree';

/** Number of agents that a preview lists. */
const MAX_LISTED = 20;
const HOUR_MS = 3_600_000;

export const killPreviewSchema = z
  .object({
    affected: z.int().describe('Number of agents that would be revoked, including this one.'),
    byStatus: z
      .partialRecord(agentStatusSchema, z.int())
      .meta({ id: 'StatusCounts' })
      .describe('Number of affected agents by current status.'),
    activeLastHour: z.int().describe('Number of affected agents that were active within the last hour.'),
    first: z.array(treeNodeSchema).describe('The first affected agents in the order of the tree, at most 20.'),
    deepest: z.int().nullable().describe('Depth of the deepest affected agent. Null if no agents would be affected.'),
  })
  .meta({ id: 'KillPreview' });
export type KillPreview = z.output<typeof killPreviewSchema>;

/**
 * Counts the agents that a kill of `agent` would revoke, and lists the first of them, without changing anything. Charges
 * for every agent that it reads. `levels` limits the depth below the agent.
 */
export async function previewKill(
  deps: { store: Pick<ApiContext['store'], 'agents'> },
  agent: AgentDoc,
  { charge = FREE, levels }: { charge?: Charge; levels?: number } = {},
): Promise<KillPreview> {
  const byStatus: Partial<Record<AgentStatus, number>> = {};
  const first: TreeNode[] = [];
  const activeSince = new Date(Date.now() - HOUR_MS).toISOString();
  let activeLastHour = 0;
  let affected = 0;
  let deepest: number | null = null;
  const tree = walkTree(deps, { tenant: agent.tenant, root: agent, levels });
  for await (const node of chargeRows(tree, charge)) {
    const { status, depth, lastActivityAt } = node;
    if (status === 'REVOKED' || status === 'REJECTED' || status === 'EXPIRED') continue;
    affected += 1;
    if (first.length < MAX_LISTED) first.push(node);
    if (lastActivityAt !== null && lastActivityAt >= activeSince) activeLastHour += 1;
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    deepest = Math.max(deepest ?? 0, depth);
  }
  return { affected, byStatus, activeLastHour, first, deepest };
}
