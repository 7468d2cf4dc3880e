import { newApiKey } from '../../shared/domain/api-key';
import { envOf, tagOf } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { route } from '../http/route';

import { type AgentAccess, agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { type AgentPath, requireStatus } from './agent-state';
import type { AuthorityDeps } from '../db/change-authority';
import { changeAgent } from './change-agent';
import { checkSpawn, countPopulation } from './check-spawn';
import { reasonInput } from './input-schemas';
import { issuedAgentSchema, presentAgent } from './present-agent';

/** Returns the agent that an approval refers to. Throws 404 if the approval does not exist. */
export async function agentOfApproval(
  { store }: Pick<ApiContext, 'store'>,
  { tenant }: AgentAccess,
  approvalId: string,
): Promise<AgentDoc> {
  const agent = await store.agents.byApproval(tenant, approvalId);
  if (!agent) throw new PublicError('NOT_FOUND', 'Approval not found. Check the ID and the environment.');
  return agent;
}

/**
 * Approves a pending agent and returns its key. Rechecks the agent's ancestors, its permissions and the policy, because
 * they may have changed since the spawn.
 */
async function approveSpawn(
  deps: AuthorityDeps,
  access: AgentAccess,
  approvalId: string,
  reason?: string,
): Promise<AgentPath & { apiKey: string }> {
  const { store } = deps;
  const { _id } = await agentOfApproval(deps, access, approvalId);
  let apiKey = '';
  const path = await changeAgent(deps, access, _id, reason, async (read, at, session) => {
    requireStatus(read, ['PENDING_APPROVAL']);
    const { ancestors, agent } = read;
    const policy = await store.policies.get(access.tenant, session);
    checkSpawn(ancestors, agent, policy, await countPopulation(deps, policy, ancestors, true, session));
    const { key, hash, prefix } = newApiKey(envOf(access.tenant), tagOf(access.partnerId), true);
    apiKey = key;
    return { change: { status: 'ACTIVE', key: { hash, prefix, createdAt: at } }, action: 'agent.approved' };
  });
  return { ...path, apiKey };
}

export const approveAgentRoute = route({
  operationId: 'approveAgent',
  method: 'POST',
  path: '/agents/approvals/:id/approve',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    partnerScope: 'agents:approve',
    availableWithoutRedis: false,
    partnerOnly: true,
    enterpriseOnly: true,
    recentLogIn: true,
  },
  tag: 'Agents',
  summary: 'Approve a spawned agent and issue its key',
  description: 'Rechecks the agent’s ancestors, its permissions and the spawn policy.',
  params: idParams,
  body: reasonInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: { 200: { description: 'The agent and its key', schema: issuedAgentSchema } },
  problems: [
    'SPAWN_DISABLED',
    'ESCALATION_DENIED',
    'NOT_FOUND',
    'AGENT_REVOKED',
    'AGENT_STATE',
    'POLICY_LIMIT',
    'CONFLICT',
  ],
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { agent, ancestors, apiKey } = await approveSpawn(ctx, access, params.id, body.reason);
    return { status: 200, body: { ...presentAgent(agent, ancestors), apiKey } };
  },
});
