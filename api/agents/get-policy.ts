import { route } from '../http/route';

import { policySchema } from './policy-schema';

export const getPolicyRoute = route({
  operationId: 'getSpawnPolicy',
  method: 'GET',
  path: '/agents/policy',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    availableWithoutRedis: true,
    partnerOnly: true,
  },
  tag: 'Agents',
  summary: 'Get the spawn policy',
  answers: { 200: { description: 'The policy, which disables spawning by default', schema: policySchema } },
  problems: [],
  handle: async ({ ctx, caller }) => ({ status: 200, body: await ctx.store.policies.get(caller.tenant) }),
});
