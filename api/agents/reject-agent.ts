import { route } from '../http/route';
import { agentAccess } from './agent-access';
import { idParams } from '../http/schemas';
import { requireStatus } from './agent-state';
import { agentOfApproval } from './approve-agent';
import { changeAgent } from './change-agent';
import { reasonInput } from './input-schemas';
import { agentSchema, presentAgent } from './present-agent';

export const rejectAgentRoute = route({
  operationId: 'rejectAgent',
  method: 'POST',
  path: '/agents/approvals/:id/reject',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    partnerScope: 'agents:approve',
    availableWithoutRedis: false,
    partnerOnly: true,
  },
  tag: 'Agents',
  summary: 'Permanently reject an agent that awaits approval',
  params: idParams,
  body: reasonInput,
  bodyOptional: true,
  idempotencyKey: true,
  answers: {
    200: {
      description: 'The rejected agent',
      schema: agentSchema,
      exampleFields: { status: 'REJECTED', keyPrefix: null },
    },
  },
  problems: ['NOT_FOUND', 'AGENT_REVOKED', 'AGENT_STATE', 'CONFLICT'],
  handle: async (call) => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const { _id } = await agentOfApproval(ctx, access, params.id);
    const { agent, ancestors } = await changeAgent(ctx, access, _id, body.reason, (path) => {
      requireStatus(path, ['PENDING_APPROVAL']);
      return { change: { status: 'REJECTED' }, action: 'agent.rejected' };
    });
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
