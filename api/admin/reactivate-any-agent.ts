import { z } from 'zod';
import { findAnyAgent, operatorAccess } from '../agents/any-agent';
import { agentSchema, presentAgent } from '../agents/present-agent';
import { reactivateAgent } from '../agents/reactivate-agent';
import { auditContextForOperator } from '../db/audit-context';
import { route } from '../http/route';
import { idParams, reasonSchema } from '../http/schemas';

export const reactivateAnyAgentRoute = route({
  operationId: 'reactivateAnyAgent',
  method: 'POST',
  path: '/admin/agents/:id/reactivate',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Reactivate a suspended agent of any partner',
  description:
    'Also reactivates its descendants if they were suspended with it. If an ancestor’s entire subtree was suspended, the agent stays SUSPENDED until that suspension is lifted.',
  params: idParams,
  body: z.strictObject({ reason: reasonSchema }).meta({ id: 'OperatorActionRequest' }),
  answers: { 200: { description: 'The agent with its effective status', schema: agentSchema } },
  problems: [
    'INVALID_JSON',
    'VALIDATION_FAILED',
    'NOT_FOUND',
    'AGENT_REVOKED',
    'AGENT_STATE',
    'CONFLICT',
    'OVERLOADED',
    'STORE_UNAVAILABLE',
  ],
  handle: async ({ ctx, params, body, requestId, operator }) => {
    const found = await findAnyAgent(ctx, params.id);
    const access = operatorAccess(found, auditContextForOperator({ operator, requestId }));
    const { agent, ancestors } = await reactivateAgent(ctx, access, params.id, body.reason);
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
