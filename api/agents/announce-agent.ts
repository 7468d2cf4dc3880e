import type { AgentDoc } from '../../shared/store/agents';
import type { Store, StoreSession } from '../../shared/store/store';
import { announce } from '../../shared/webhooks/announce';

type Deps = { store: Pick<Store, 'webhooks' | 'deliveries'> };

/** Actions, as audit entries name them, that webhook messages announce under the same name. */
const ANNOUNCED = ['agent.suspended', 'agent.reactivated', 'agent.revoked'] as const;

/**
 * Inserts the message about a change of a single agent, if there is one. A kill of a tree sends `cascade.started`
 * instead. Returns the deliveries to wake up workers for.
 */
export async function announceAgent(
  deps: Deps,
  action: string,
  { _id: agentId, tenant, parentId, rootId, status, updatedAt }: AgentDoc,
  session: StoreSession,
): Promise<string[]> {
  const type = ANNOUNCED.find((one) => one === action);
  if (!type) return [];
  return announce(deps, { tenant, type, data: { agentId, parentId, rootId, status }, at: updatedAt }, session);
}

/** Inserts the message about an agent that awaits approval. */
export function announceApprovalRequest(
  deps: Deps,
  { _id: agentId, tenant, parentId, rootId, approvalId, createdAt }: AgentDoc,
  session: StoreSession,
): Promise<string[]> {
  const data = { approvalId, agentId, parentId, rootId };
  return announce(deps, { tenant, type: 'agent.approval_requested', data, at: createdAt }, session);
}
