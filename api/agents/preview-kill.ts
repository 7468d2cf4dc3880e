import { z } from 'zod';
import type { AgentStatus } from '../../shared/domain/agent';
import type { AgentDoc } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { type Charge, chargeRows, FREE } from '../http/price';
import { agentStatusSchema } from './enum-schemas';
import { walkTree } from './walk-tree';

export const killPreviewSchema = z
  .object({
    affected: z.int().describe('Number of agents that would be revoked, including this one.'),
    byStatus: z
      .partialRecord(agentStatusSchema, z.int())
      .meta({ id: 'StatusCounts' })
      .describe('Number of affected agents by current status.'),
    deepest: z.int().nullable().describe('Depth of the deepest affected agent. Null if no agents would be affected.'),
  })
  .meta({ id: 'KillPreview' });
export type KillPreview = z.output<typeof killPreviewSchema>;

/** Counts the agents that a kill of `agent` would revoke, without changing anything. Charges for every agent it reads. */
export async function previewKill(
  deps: { store: Pick<ApiContext['store'], 'agents'> },
  agent: AgentDoc,
  charge: Charge = FREE,
): Promise<KillPreview> {
  const byStatus: Partial<Record<AgentStatus, number>> = {};
  let affected = 0;
  let deepest: number | null = null;
  const tree = walkTree(deps, { tenant: agent.tenant, root: agent });
  for await (const { status, depth } of chargeRows(tree, charge)) {
    if (status === 'REVOKED' || status === 'REJECTED') continue;
    affected += 1;
    byStatus[status] = (byStatus[status] ?? 0) + 1;
    deepest = Math.max(deepest ?? 0, depth);
  }
  return { affected, byStatus, deepest };
}
