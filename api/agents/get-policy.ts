import { route } from '../http/route';

import { agentAccess } from './agent-access';
import { policySchema } from './policy-schema';

export const getPolicyRoute = route({
  operationId: 'getSpawnPolicy',
  method: 'GET',
  path: '/agents/policy',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: true },
  tag: 'Agents',
  summary: 'Get the spawn policy',
  answers: { 200: { description: 'The policy. By default, spawning is disabled', schema: policySchema } },
  problems: ['HUMAN_REQUIRED'],
  handle: async (call) => {
    const { tenant } = agentAccess(call, { plan: 'ANY', human: true, write: false });
    return { status: 200, body: await call.ctx.store.policies.get(tenant) };
  },
});
