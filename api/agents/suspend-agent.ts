import type { z } from 'zod';
import type { AgentStatus } from '../../shared/domain/agent';
import type { AuthorityDeps } from '../db/change-authority';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { type AgentAccess, agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { changeProblems } from './route-docs';
import { type AgentPath, requireStatus } from './agent-state';
import { changeAgent } from './change-agent';
import { subtreeInput } from './input-schemas';
import { agentSchema, presentAgent } from './present-agent';

const SUSPENDABLE: readonly AgentStatus[] = ['ACTIVE', 'SUSPENDED'];

/**
 * Suspends an agent and, with `includeDescendants`, its whole subtree. When this resolves, every process enforces it.
 * Throws 403, 404 or 409.
 */
export function suspendAgent(
  deps: AuthorityDeps,
  access: AgentAccess,
  agentId: string,
  { reason, includeDescendants }: z.output<typeof subtreeInput>,
): Promise<AgentPath> {
  return changeAgent(deps, access, agentId, reason, (path, at) => {
    requireStatus(path, SUSPENDABLE);
    const { status, subtreeSuspendedAt } = path.agent;
    const marksSubtree = includeDescendants && subtreeSuspendedAt === null;
    const change = { status: 'SUSPENDED' as const, ...(marksSubtree ? { subtreeSuspendedAt: at } : {}) };
    return { change: status === 'SUSPENDED' && !marksSubtree ? null : change, action: 'agent.suspended' };
  });
}

/** Works on every plan: a downgraded partner must still be able to suspend its agents. */
export const suspendAgentRoute = route({
  operationId: 'suspendAgent',
  method: 'POST',
  path: '/agents/:id/suspend',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, budget: 'control' },
  tag: 'Agents',
  summary: 'Suspend an agent',
  description:
    'Takes effect in every process before the response is sent. Descendants keep working unless you set `includeDescendants`.',
  params: idParams,
  query: noQuery,
  body: subtreeInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: { description: 'The suspended agent', schema: agentSchema, exampleFields: { status: 'SUSPENDED' } },
  },
  problems: changeProblems,
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { agent, ancestors } = await suspendAgent(ctx, access, params.id, body);
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
