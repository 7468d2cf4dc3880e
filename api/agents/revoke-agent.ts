import { LIVING_STATUSES } from '../../shared/domain/agent';

import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { type AgentAccess, agentAccess, requireDescendant } from './agent-access';
import { idParams } from '../http/schemas';
import { changeProblems } from './route-docs';
import { type AgentPath, requireStatus } from './agent-state';
import { changeAgent } from './change-agent';
import { subtreeInput } from './input-schemas';
import { killSubtree } from './kill-subtree';
import { agentSchema, presentAgent } from './present-agent';

/** Kills the subtree, even if the agent itself is already revoked. Idempotent. Throws 409 for a rejected agent. */
async function revokeSubtree(
  ctx: ApiContext,
  access: AgentAccess,
  agentId: string,
  reason: string | undefined,
): Promise<AgentPath> {
  const { store } = ctx;
  const { tenant, auditContext } = access;
  const { rootId, status, ancestors } = requireDescendant(access, await store.agents.get(tenant, agentId));
  if (status === 'REJECTED')
    throw new PublicError('AGENT_STATE', 'The agent is REJECTED. It was never active, so there is nothing to revoke.');
  const { actor, requestId } = auditContext;
  await killSubtree(ctx, { tenant, agentId, rootId, actor, reason: reason ?? null, requestId });
  const path = await store.agents.byIds([...ancestors, agentId]);
  return { agent: path.pop()!, ancestors: path };
}

/** Works on every plan: a downgraded partner must still be able to revoke its agents. */
export const revokeAgentRoute = route({
  operationId: 'revokeAgent',
  method: 'POST',
  path: '/agents/:id/revoke',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, budget: 'control' },
  tag: 'Agents',
  summary: 'Permanently revoke an agent',
  description:
    'Takes effect in every process before the response is sent. Descendants keep working unless you set `includeDescendants`.',
  params: idParams,
  query: noQuery,
  body: subtreeInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: {
      description: 'The revoked agent',
      schema: agentSchema,
      exampleFields: { status: 'REVOKED', keyPrefix: null },
    },
  },
  problems: changeProblems,
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { agent, ancestors } = body.includeDescendants
      ? await revokeSubtree(ctx, access, params.id, body.reason)
      : await changeAgent(ctx, access, params.id, body.reason, (path) => {
          requireStatus(path, LIVING_STATUSES);
          const { key } = path.agent;
          const tombstone = key ? { revokedKeyRef: ctx.secrets.revokedKey(key.hash) } : {};
          return { change: { status: 'REVOKED', key: null, ...tombstone }, action: 'agent.revoked' };
        });
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
