import { newApiKey } from '../../shared/domain/api-key';
import { envOf, tagOf } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { route } from '../http/route';

import { type AgentAccess, agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { type AgentPath, requireStatus } from './agent-state';
import type { AuthorityDeps } from '../db/change-authority';
import { approveAuth, requireSecondPerson } from './approvals';
import { changeAgent } from './change-agent';
import { requireNoViolations, violationsOf } from './check-policy';
import { checkSpawn, countPopulation } from './check-spawn';
import { reasonInput } from './input-schemas';
import { issuedAgentSchema, presentAgent, statusOf } from './present-agent';

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

/** Throws 409 unless the agent awaits approval, and still may be approved. */
function requirePending(path: AgentPath): void {
  const { ancestors, agent } = path;
  const { approvalExpiresAt, approvedBy } = agent;
  const isOver = !approvedBy && approvalExpiresAt && approvalExpiresAt.getTime() <= Date.now();
  if (isOver && statusOf(agent, ancestors) === 'EXPIRED') {
    throw new PublicError(
      'APPROVAL_EXPIRED',
      `The agent could be approved only until ${approvalExpiresAt.toISOString()}. Register or spawn a new one.`,
    );
  }
  requireStatus(path, ['PENDING_APPROVAL']);
}

/** Throws if the agent's ancestors or the policy no longer allow the agent, which may have changed since the request. */
async function recheck(
  { store }: AuthorityDeps,
  { ancestors, agent }: AgentPath,
  session: StoreSession,
): Promise<void> {
  const policy = await store.policies.get(agent.tenant, session);
  const violations = violationsOf(policy, agent);
  if (ancestors.length === 0) return requireNoViolations(violations);
  const population = await countPopulation({ store }, policy, ancestors, true, session);
  checkSpawn(ancestors, agent, policy, population, violations);
}

/**
 * Approves a pending agent and returns its key. Checks the approver, the agent's ancestors, its permissions and the
 * policy again, because they may have changed since the request.
 */
export async function approveAgent(
  deps: AuthorityDeps,
  access: AgentAccess,
  approvalId: string,
  reason?: string,
): Promise<AgentPath & { apiKey: string }> {
  const { _id } = await agentOfApproval(deps, access, approvalId);
  let apiKey = '';
  const path = await changeAgent(deps, access, _id, reason, async (read, at, session) => {
    const approvedBy = await requireSecondPerson(deps, access, read.agent, { now: at, session });
    requirePending(read);
    await recheck(deps, read, session);
    const { key, hash, prefix } = newApiKey(envOf(access.tenant), tagOf(access.partnerId), true);
    apiKey = key;
    return {
      change: { status: 'ACTIVE', approvedBy, key: { hash, prefix, createdAt: at } },
      action: 'agent.approved',
    };
  });
  return { ...path, apiKey };
}

export const approveAgentRoute = route({
  operationId: 'approveAgent',
  method: 'POST',
  path: '/agents/approvals/:id/approve',
  auth: approveAuth,
  tag: 'Agents',
  summary: 'Approve an agent and issue its key',
  description:
    'The member or key that requested the agent cannot approve it. Checks the approver’s rights, the agent’s ancestors, its permissions and the spawn policy at that moment.',
  params: idParams,
  body: reasonInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: { 200: { description: 'The agent and its key', schema: issuedAgentSchema } },
  problems: [
    'SPAWN_DISABLED',
    'ESCALATION_DENIED',
    'SECOND_PERSON_REQUIRED',
    'NOT_FOUND',
    'AGENT_REVOKED',
    'AGENT_STATE',
    'POLICY_LIMIT',
    'APPROVAL_EXPIRED',
    'CONFLICT',
  ],
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { agent, ancestors, apiKey } = await approveAgent(ctx, access, params.id, body.reason);
    return { status: 200, body: { ...presentAgent(agent, ancestors), apiKey } };
  },
});
