import type { AgentStatus } from '../../shared/domain/agent';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { changeProblems } from './route-docs';
import { requireStatus } from './agent-state';
import { changeAgent } from './change-agent';
import { subtreeInput } from './input-schemas';
import { agentSchema, presentAgent } from './present-agent';

const SUSPENDABLE: readonly AgentStatus[] = ['ACTIVE', 'SUSPENDED'];

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
    const { agent, ancestors } = await changeAgent(ctx, access, params.id, body.reason, (path, at) => {
      requireStatus(path, SUSPENDABLE);
      const { status, subtreeSuspendedAt } = path.agent;
      const marksSubtree = body.includeDescendants && subtreeSuspendedAt === null;
      const change = { status: 'SUSPENDED' as const, ...(marksSubtree ? { subtreeSuspendedAt: at } : {}) };
      return { change: status === 'SUSPENDED' && !marksSubtree ? null : change, action: 'agent.suspended' };
    });
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
