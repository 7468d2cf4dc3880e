import type { AgentDoc } from '../../shared/store/agents';
import type { Store, StoreSession } from '../../shared/store/store';
import { announce } from '../../shared/webhooks/announce';

type Deps = { store: Pick<Store, 'webhooks' | 'deliveries'> };

/** Actions, as audit entries name them, that webhook messages announce under the same name. */
const ANNOUNCED = ['agent.suspended', 'agent.reactivated', 'agent.revoked', 'agent.key.rotated'] as const;

/**
 * Inserts the message about a change of a single agent, if there is one, also for the tenant's receivers. A kill of a
 * tree sends `cascade.started` instead. Returns the deliveries to wake up workers for. `includeDescendants` is whether a
 * suspension or reactivation also changes the descendants.
 */
export async function announceAgent(
  deps: Deps,
  action: string,
  { before, after }: Record<'before' | 'after', AgentDoc>,
  session: StoreSession,
): Promise<string[]> {
  const type = ANNOUNCED.find((one) => one === action);
  if (!type) return [];
  const { _id: agentId, tenant, parentId, rootId, status, subtreeSuspendedAt, updatedAt: at } = after;
  const includeDescendants = (before.subtreeSuspendedAt === null) !== (subtreeSuspendedAt === null);
  const isSuspension = type === 'agent.suspended' || type === 'agent.reactivated';
  const data = { agentId, parentId, rootId, status, ...(isSuspension && { includeDescendants }) };
  const receivers = await deps.store.webhooks.receiversOf(tenant, session);
  return announce(deps, { tenant, type, data, at, receivers }, session);
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
