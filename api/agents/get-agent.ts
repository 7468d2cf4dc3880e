import { route } from '../http/route';

import { agentAccess, requireSelfOrDescendant } from './agent-access';
import { idParams } from '../http/schemas';
import { agentSchema, presentAgent } from './present-agent';

export const getAgentRoute = route({
  operationId: 'getAgent',
  method: 'GET',
  path: '/agents/:id',
  auth: { kind: 'key', scope: 'agents:manage', memberScope: 'agents:read', availableWithoutRedis: true },
  tag: 'Agents',
  summary: 'Get an agent',
  params: idParams,
  answers: { 200: { description: 'The agent', schema: agentSchema } },
  problems: ['NOT_YOUR_DESCENDANT', 'NOT_FOUND'],
  handle: async (call) => {
    const { agents } = call.ctx.store;
    const access = agentAccess(call, { write: false });
    const agent = requireSelfOrDescendant(access, await agents.get(access.tenant, call.params.id));
    return { status: 200, body: presentAgent(agent, await agents.limitsAbove(agent)) };
  },
});
