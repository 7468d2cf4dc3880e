import { PublicError } from '../http/public-error';
import type { AgentChange } from '../../shared/store/agents';
import type { StoreSession } from '../../shared/store/store';
import { auditEntry } from '../db/audit-context';
import { type AuthorityDeps, changeAuthority } from '../db/change-authority';
import { type AgentAccess, requireDescendant } from './agent-access';
import { type AgentPath, requireCallerAlive } from './agent-state';
import { announceAgent } from './announce-agent';
import { auditedAgent } from './present-agent';

/** The change to make. `change` is null if the agent is already in the requested state. */
interface Decision {
  change: AgentChange | null;
  action: string;
}

/**
 * Decides on a change within the transaction. Throws a PublicError to reject the change. Runs again if the transaction
 * is retried after a conflict.
 */
export type Decide = (path: AgentPath, at: Date, session: StoreSession) => Decision | Promise<Decision>;

/**
 * Changes an agent. By the time this resolves, every process enforces the new state. The transaction reads the entire
 * path and writes the tree's root, so it conflicts with any other change to the tree. As a result, `decide` never acts
 * on a state that a concurrent kill, suspension or rotation has replaced. Throws 403, 404 or 409.
 */
export async function changeAgent(
  deps: AuthorityDeps,
  access: AgentAccess,
  agentId: string,
  reason: string | undefined,
  decide: Decide,
): Promise<AgentPath> {
  const { store } = deps;
  const { tenant, partnerId, self, auditContext } = access;
  const { rootId, ancestors: ancestorIds } = requireDescendant(access, await store.agents.get(tenant, agentId));

  const change = async (session: StoreSession) => {
    await store.agents.touchTree(rootId, 0, session);
    const ancestors = await store.agents.byIds([...ancestorIds, agentId], session);
    const before = ancestors.pop()!;
    requireCallerAlive(self, ancestors);
    const at = new Date();
    const decision = await decide({ ancestors, agent: before }, at, session);
    let agent = before;
    let deliveryIds: string[] = [];
    if (decision.change) {
      const after = await store.agents.change(before, decision.change, at, session);
      if (!after)
        throw new PublicError(
          'CONFLICT',
          'Another request changed this agent first. Your change was not saved. Retrieve the agent, then retry.',
        );
      const facts = { before: auditedAgent(before), after: auditedAgent(after) };
      const entry = { partnerId, tenant, action: decision.action, target: agentId, reason, ...facts };
      await store.audit.append(auditEntry({ ...auditContext, at: after.updatedAt }, entry), session);
      deliveryIds = await announceAgent({ store }, decision.action, { before, after }, session);
      agent = after;
    }
    // Invalidate the caches even if nothing changes, because an earlier attempt may have failed to invalidate them.
    const affected = { nodes: [agentId], keyHashes: before.key ? [before.key.hash] : [] };
    return { result: { ancestors, agent }, affected, deliveryIds };
  };

  return (await changeAuthority(deps, { key: rootId, partnerId }, change)).result;
}
