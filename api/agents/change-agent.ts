import type { AffectedRows } from '../../shared/authz/with-invalidation';
import { PublicError } from '../http/public-error';
import type { AgentChange } from '../../shared/store/agents';
import type { StoreSession } from '../../shared/store/store';
import { auditEntry } from '../db/audit-context';
import { type AuthorityDeps, changeAuthority } from '../db/change-authority';
import { type AgentAccess, requireDescendant } from './agent-access';
import { type AgentPath, requireCallerAlive } from './agent-state';
import { auditedAgent } from './present-agent';

/** What to change of the agent as it was read; `change: null` when it is so already. */
interface Decision {
  change: AgentChange | null;
  action: string;
}

/** Decides in the transaction; throws a PublicError to reject it. */
export type Decide = (path: AgentPath, at: Date, session: StoreSession) => Decision | Promise<Decision>;

/**
 * Changes an agent so that every process refuses or allows by the new state before this resolves. The transaction
 * reads the whole path and writes the tree's root, so it conflicts with any other change of the tree: nothing is
 * decided by a state that a kill, suspension or rotation at the same time has overtaken.
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
  const { rootId, ancestors: above } = requireDescendant(access, await store.agents.get(tenant, agentId));

  const change = async (session: StoreSession): Promise<{ result: AgentPath; affected: AffectedRows }> => {
    await store.agents.touchTree(rootId, 0, session);
    const ancestors = await store.agents.byIds([...above, agentId], session);
    const before = ancestors.pop()!;
    requireCallerAlive(self, ancestors);
    const at = new Date();
    const decision = await decide({ ancestors, agent: before }, at, session);
    let agent = before;
    if (decision.change) {
      const after = await store.agents.change(before, decision.change, at, session);
      if (!after)
        throw new PublicError(
          'CONFLICT',
          'Another request changed this agent. Your change was not made; read the agent and retry.',
        );
      const facts = { before: auditedAgent(before), after: auditedAgent(after) };
      const entry = { partnerId, tenant, action: decision.action, target: agentId, reason, ...facts };
      await store.audit.append(auditEntry({ ...auditContext, at: after.updatedAt }, entry), session);
      agent = after;
    }
    // Where nothing changes, rows that a failed first try left behind are voided.
    const affected = { nodes: [agentId], keyHashes: before.key ? [before.key.hash] : [] };
    return { result: { ancestors, agent }, affected };
  };

  return (await changeAuthority(deps, { key: rootId, partnerId }, change)).result;
}
