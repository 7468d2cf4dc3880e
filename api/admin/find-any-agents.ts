import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { findAgents, findInput, foundAgentsSchema, MAX_FOUND_AGENTS } from '../agents/find-agents';

export const findAnyAgentsRoute = route({
  operationId: 'findAnyAgents',
  method: 'POST',
  path: '/admin/agents/find',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Find agents of all partners by name, ID, key, owner or event',
  description: `Returns up to ${MAX_FOUND_AGENTS} agents of all partners, in both environments. Send exactly one field. Keys belong in the body, never in a URL.`,
  query: noQuery,
  body: findInput,
  bodyExamples: { 'By name': { name: 'Restock bot' } },
  answers: { 200: { description: 'The agents that match', schema: foundAgentsSchema } },
  problems: ['STORE_UNAVAILABLE'],
  handle: async ({ ctx, body }) => ({ status: 200, body: await findAgents(ctx, null, body) }),
});
