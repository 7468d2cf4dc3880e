import { partnerOf } from '../../shared/domain/ids';
import type { AgentDoc } from '../../shared/store/agents';
import type { AuditContext } from '../db/audit-context';
import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';
import type { AgentAccess } from './agent-access';

/** Returns the agent with this ID, regardless of which partner owns it. Throws 404 if the agent does not exist. */
export async function findAnyAgent(
  { store }: { store: Pick<ApiContext['store'], 'agents'> },
  agentId: string,
): Promise<AgentDoc> {
  const [agent] = await store.agents.byIds([agentId]);
  if (!agent) throw new PublicError('NOT_FOUND', 'Agent not found.');
  return agent;
}

/** Returns the access of an operator to an agent, which includes every change. */
export function operatorAccess({ tenant }: AgentDoc, auditContext: AuditContext): AgentAccess {
  const caller = { self: null, callerId: null, caller: null, idempotencyKey: null };
  return { tenant, partnerId: partnerOf(tenant), ...caller, auditContext };
}
