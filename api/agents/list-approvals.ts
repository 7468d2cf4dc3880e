import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { pageQuery, pageSchema, requestedRows } from '../http/paging';
import { route } from '../http/route';
import { agentAccess } from './agent-access';
import { type FoundAgent, pageOfAgents } from './list-agents';
import { pendingAgentSchema, presentPending } from './present-agent';

export const listApprovalsRoute = route({
  operationId: 'listApprovals',
  method: 'GET',
  path: '/agents/approvals',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    partnerScope: 'agents:approve',
    availableWithoutRedis: true,
    partnerOnly: true,
    price: { rows: requestedRows, asRead: true },
  },
  tag: 'Agents',
  summary: 'List agents that need approval, newest first',
  query: z.strictObject(pageQuery),
  answers: {
    200: {
      description: 'A page of agents, each with its `approvalId`',
      schema: pageSchema('PendingAgentPage', pendingAgentSchema),
    },
  },
  problems: [],
  handle: async (call) => {
    const access = agentAccess(call, { write: false });
    const query = { ...call.query, status: 'PENDING_APPROVAL' as const };
    const present = ({ agent, above }: FoundAgent) => presentPending(agent, above);
    const page = () => pageOfAgents(call.ctx, access, query, present, call.caller.charge);
    return { status: 200, body: await call.ctx.longWork.list(ownerOf(access.tenant, access.self), page) };
  },
});
