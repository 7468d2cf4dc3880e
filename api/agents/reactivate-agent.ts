import type { AuthorityDeps } from '../db/change-authority';
import { route } from '../http/route';
import { type AgentAccess, agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { changeProblems } from './route-docs';
import { type AgentPath, requireStatus } from './agent-state';
import { changeAgent } from './change-agent';
import { reasonInput } from './input-schemas';
import { agentSchema, presentAgent } from './present-agent';

/**
 * Reactivates a suspended agent, and its subtree if that was suspended with it. When this resolves, every process
 * accepts its key. Throws 403, 404 or 409.
 */
export function reactivateAgent(
  deps: AuthorityDeps,
  access: AgentAccess,
  agentId: string,
  reason: string | undefined,
): Promise<AgentPath> {
  return changeAgent(deps, access, agentId, reason, (path) => {
    requireStatus(path, ['ACTIVE', 'SUSPENDED']);
    const { status, subtreeSuspendedAt } = path.agent;
    const active = status === 'ACTIVE' && subtreeSuspendedAt === null;
    return { change: active ? null : { status: 'ACTIVE', subtreeSuspendedAt: null }, action: 'agent.reactivated' };
  });
}

/** Lifts a suspension of the agent itself or of its entire subtree, but not one inherited from an ancestor. */
export const reactivateAgentRoute = route({
  operationId: 'reactivateAgent',
  method: 'POST',
  path: '/agents/:id/reactivate',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, enterpriseOnly: true },
  tag: 'Agents',
  summary: 'Reactivate a suspended agent',
  description:
    'If an ancestor’s entire subtree was suspended, the agent stays SUSPENDED until that suspension is lifted.',
  params: idParams,
  body: reasonInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: { 200: { description: 'The agent with its effective status', schema: agentSchema } },
  problems: changeProblems,
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { agent, ancestors } = await reactivateAgent(ctx, access, params.id, body.reason);
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
