import { z } from 'zod';
import { findAnyAgent, operatorAccess } from '../agents/any-agent';
import { agentSchema, presentAgent } from '../agents/present-agent';
import { suspendAgent } from '../agents/suspend-agent';
import { auditContextForOperator } from '../db/audit-context';
import { route } from '../http/route';
import { idParams, reasonSchema } from '../http/schemas';

export const suspendAnyAgentRoute = route({
  operationId: 'suspendAnyAgent',
  method: 'POST',
  path: '/admin/agents/:id/suspend',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Suspend an agent of any partner',
  description:
    'Takes effect in every process before the response is sent. Descendants keep working unless you set `includeDescendants`.',
  params: idParams,
  body: z
    .strictObject({
      reason: reasonSchema,
      includeDescendants: z.boolean().default(false).describe('Whether to include all descendants.'),
    })
    .meta({ id: 'OperatorSubtreeActionRequest' }),
  answers: {
    200: { description: 'The suspended agent', schema: agentSchema, exampleFields: { status: 'SUSPENDED' } },
  },
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
    const { agent, ancestors } = await suspendAgent(ctx, access, params.id, body);
    return { status: 200, body: presentAgent(agent, ancestors) };
  },
});
