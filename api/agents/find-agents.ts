import { z } from 'zod';
import { MAX_EMAIL_LENGTH, MAX_ID_LENGTH, MAX_NAME_LENGTH } from '../http/lengths';
import { ownerOf } from '../../shared/concurrency/long-work';
import { AGENT_KEY_PREFIX_FORMAT, API_KEY_FORMAT, parseApiKey, tenantOfKeyPrefix } from '../../shared/domain/api-key';
import { envOf, partnerOf, type Tenant, tenantOf } from '../../shared/domain/ids';
import { comparableEmail } from '../../shared/domain/agent-lifetime';
import { lineSchema } from '../../shared/domain/line';
import type { AgentDoc } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { environmentSchema } from '../http/schemas';
import { agentStatusSchema, agentTypeSchema } from './enum-schemas';
import { statusOf } from './present-agent';

/** Maximum number of agents in a response. The paths of more would not fit on a screen. */
export const MAX_FOUND_AGENTS = 20;
const FIELDS = ['name', 'agentId', 'keyPrefix', 'key', 'owner', 'eventId'] as const;

export const findInput = z
  .strictObject({
    name: lineSchema(MAX_NAME_LENGTH)
      .optional()
      .describe('The agent’s name, or its first characters. Upper and lower case differ.')
      .meta({ examples: ['Restock bot'] }),
    agentId: z.string().min(1).max(MAX_ID_LENGTH).optional(),
    keyPrefix: z
      .string()
      .regex(AGENT_KEY_PREFIX_FORMAT)
      .optional()
      .describe('First characters of the agent’s current key, up to those that `keyPrefix` shows.'),
    key: z
      .string()
      .regex(API_KEY_FORMAT)
      .optional()
      .describe('The agent’s whole key, also if the agent has been revoked. MIR compares only its hash.')
      .meta({ examples: [`mir_live_agent_k7m2q9x4w3zn_${'0'.repeat(49)}`] }),
    owner: lineSchema(MAX_EMAIL_LENGTH)
      .optional()
      .describe(
        'The name or the email address of the person who is responsible for the agent. Case matters only in the name.',
      )
      .meta({ examples: ['ada@harbour.example'] }),
    eventId: z.string().min(1).max(MAX_ID_LENGTH).optional().describe('An event that the agent submitted.'),
  })
  .refine(
    (input) => FIELDS.filter((field) => input[field] !== undefined).length === 1,
    `Must include exactly one of ${FIELDS.join(', ').replace(/, (\w+)$/, ' or $1')}.`,
  )
  .meta({ id: 'FindAgentsRequest', minProperties: 1, maxProperties: 1, examples: [{ name: 'Restock bot' }] });
export type FindInput = z.output<typeof findInput>;

const foundAgentSchema = z
  .object({
    agentId: z.string(),
    name: z.string().meta({ examples: ['Restock bot'] }),
    type: agentTypeSchema,
    status: agentStatusSchema.meta({
      examples: ['ACTIVE'],
      description: 'Effective status, which reflects whether an ancestor’s subtree was killed or suspended.',
    }),
    partnerId: z.string(),
    partnerName: z.string(),
    environment: environmentSchema,
    path: z
      .array(
        z
          .object({ agentId: z.string(), name: z.string().meta({ examples: ['Restock bot'] }) })
          .meta({ id: 'PathAgent' }),
      )
      .describe('The agents from the root to this agent.'),
    keyPrefix: z.string().nullable().describe('First characters of the key. Null if the agent has no key.'),
    createdAt: z.iso.datetime(),
    lastActivityAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'FoundAgent' });

export const foundAgentsSchema = z
  .object({
    data: z.array(foundAgentSchema),
    hasMore: z
      .boolean()
      .describe(
        `Whether more agents match than the ${MAX_FOUND_AGENTS} in \`data\`. If so, narrow the search: send more of a name or key, or the agent’s ID.`,
      ),
  })
  .meta({ id: 'FoundAgents' });
type FoundAgents = z.output<typeof foundAgentsSchema>;

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** Returns the agents whose owner has a text as name or email address. */
async function ownedBy(agents: Deps['store']['agents'], tenant: Tenant | null, text: string): Promise<AgentDoc[]> {
  const [named, addressed] = await Promise.all([
    agents.byOwner(tenant, 'name', text, MAX_FOUND_AGENTS + 1),
    agents.byOwner(tenant, 'email', comparableEmail(text), MAX_FOUND_AGENTS + 1),
  ]);
  const byId = new Map([...addressed, ...named].map((agent) => [agent._id, agent]));
  return [...byId.values()].slice(0, MAX_FOUND_AGENTS + 1);
}

/** Returns up to one more agent than a response contains. */
async function matching({ store, secrets }: Deps, tenant: Tenant | null, input: FindInput): Promise<AgentDoc[]> {
  const { agents, events } = store;
  const isVisible = (owner: Tenant): boolean => tenant === null || owner === tenant;
  const one = async (owner: Tenant, agentId: string): Promise<AgentDoc[]> => {
    const agent = await agents.get(owner, agentId);
    return agent ? [agent] : [];
  };
  const { name, agentId, keyPrefix, key, owner: person, eventId } = input;
  if (name !== undefined) return agents.byName(tenant, name, MAX_FOUND_AGENTS + 1);
  if (person !== undefined) return ownedBy(agents, tenant, person);
  if (agentId !== undefined) return tenant === null ? agents.byIds([agentId]) : one(tenant, agentId);
  if (keyPrefix !== undefined) {
    const owner = tenantOfKeyPrefix(keyPrefix);
    return owner && isVisible(owner) ? agents.byKeyPrefix(owner, keyPrefix, MAX_FOUND_AGENTS + 1) : [];
  }
  if (key !== undefined) {
    const parsed = parseApiKey(key);
    const owner = parsed?.agent ? tenantOf(parsed.partnerId, parsed.env) : null;
    if (!parsed || !owner || !isVisible(owner)) return [];
    return agents.byKey(owner, { hash: parsed.hash, ref: secrets.revokedKey(parsed.hash) });
  }
  const event = await events.submitter(tenant, eventId!);
  return event?.agentId === undefined ? [] : one(event.tenant, event.agentId);
}

/**
 * Finds agents from what a person has at hand, with their partners and paths. Without a tenant, finds agents of all
 * partners in both environments.
 */
export async function findAgents(deps: Deps, tenant: Tenant | null, input: FindInput): Promise<FoundAgents> {
  const { agents, partners } = deps.store;
  const matches = await matching(deps, tenant, input);
  const found = matches.slice(0, MAX_FOUND_AGENTS);
  const partnerIds = new Set(found.map((agent) => partnerOf(agent.tenant)));
  const [onPaths, owners] = await Promise.all([
    agents.onPaths([...new Set(found.flatMap(({ ancestors }) => ancestors))]),
    partners.many([...partnerIds]),
  ]);
  const data = found.map((agent) => {
    const partnerId = partnerOf(agent.tenant);
    const above = agent.ancestors.flatMap((id) => onPaths.get(id) ?? []);
    return {
      agentId: agent._id,
      name: agent.name,
      type: agent.type,
      status: statusOf(agent, above),
      partnerId,
      partnerName: owners.get(partnerId)?.name ?? partnerId,
      environment: envOf(agent.tenant),
      path: [...above, agent].map(({ _id, name }) => ({ agentId: _id, name })),
      keyPrefix: agent.key?.prefix ?? null,
      createdAt: agent.createdAt.toISOString(),
      lastActivityAt: agent.lastActivityAt?.toISOString() ?? null,
    };
  });
  return { data, hasMore: matches.length > found.length };
}

export const findAgentsRoute = route({
  operationId: 'findAgents',
  method: 'POST',
  path: '/agents/find',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    availableWithoutRedis: true,
    partnerOnly: true,
  },
  tag: 'Agents',
  summary: 'Find agents by name, ID, key, owner or event',
  description: `Returns up to ${MAX_FOUND_AGENTS} of your agents in this environment. Send exactly one field. Keys belong in the body, never in a URL.`,
  query: noQuery,
  body: findInput,
  bodyExamples: {
    'By name': { name: 'Restock bot' },
    'By owner': { owner: 'ada@harbour.example' },
    'By event': { eventId: 'evt_live_c0miav3k7e5f0a1b2c3d4e5f60718.0' },
  },
  answers: { 200: { description: 'The agents that match', schema: foundAgentsSchema } },
  problems: [],
  handle: async ({ ctx, caller: { tenant }, body }) => ({
    status: 200,
    body: await ctx.longWork.list(ownerOf(tenant, null), () => findAgents(ctx, tenant, body)),
  }),
});
