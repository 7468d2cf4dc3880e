import { z } from 'zod';
import { effectiveStatus, PRESET_SCOPES, type SubtreeMarks } from '../../shared/domain/agent';
import { SCOPES } from '../../shared/domain/scopes';
import type { AgentDoc } from '../../shared/store/agents';
import { agentStatusSchema, agentTypeSchema, membershipSourceSchema, presetSchema } from './enum-schemas';

const time = z.iso.datetime();

/** An agent as shown to its partner. */
export const agentSchema = z
  .object({
    agentId: z.string(),
    name: z.string().meta({ examples: ['Restock bot'] }),
    type: agentTypeSchema,
    preset: presetSchema,
    scopes: z.array(z.enum(SCOPES).meta({ id: 'Scope' })),
    allowedEventTypes: z.array(z.string()).describe('The agent’s own allowlist. Its ancestors’ allowlists also apply.'),
    rateLimitPerMinute: z.int().nullable(),
    status: agentStatusSchema.meta({
      examples: ['ACTIVE'],
      description: 'Effective status, which reflects whether an ancestor’s subtree was killed or suspended.',
    }),
    authMode: z.literal('API_KEY'),
    parentId: z.string().nullable(),
    rootId: z.string(),
    depth: z.int(),
    membershipSource: membershipSourceSchema,
    authorizer: z.string().nullable(),
    createdAt: time,
    lastActivityAt: time.nullable(),
    keyPrefix: z.string().nullable().describe('First characters of the key. Null if the agent has no key.'),
  })
  .meta({ id: 'Agent' });
export type PresentedAgent = z.infer<typeof agentSchema>;

/** An agent with its API key. No later response contains the key. */
export const issuedAgentSchema = agentSchema
  .extend({ apiKey: z.string().describe('Shown only once.') })
  .meta({ id: 'IssuedAgent' });

/** An agent that awaits a person's approval. */
export const pendingAgentSchema = agentSchema
  .extend({
    status: agentStatusSchema.meta({ examples: ['PENDING_APPROVAL'] }),
    keyPrefix: z
      .string()
      .nullable()
      .meta({ examples: [null] }),
    approvalId: z.string(),
  })
  .meta({ id: 'PendingAgent' });

/** Returns an agent's effective status, given its ancestors' marks. */
export function statusOf(agent: AgentDoc, above: readonly SubtreeMarks[]): AgentDoc['status'] {
  return effectiveStatus(agent.status, [...above, agent]);
}

/** `above` contains the ancestors' marks. Ancestors without marks may be omitted. */
export function presentAgent(agent: AgentDoc, above: readonly SubtreeMarks[]): PresentedAgent {
  return {
    agentId: agent._id,
    name: agent.name,
    type: agent.type,
    preset: agent.preset,
    scopes: [...PRESET_SCOPES[agent.preset]],
    allowedEventTypes: agent.allowedEventTypes,
    rateLimitPerMinute: agent.rateLimitPerMinute,
    status: statusOf(agent, above),
    authMode: 'API_KEY',
    parentId: agent.parentId,
    rootId: agent.rootId,
    depth: agent.depth,
    membershipSource: agent.membershipSource,
    authorizer: agent.authorizer,
    createdAt: agent.createdAt.toISOString(),
    lastActivityAt: agent.lastActivityAt?.toISOString() ?? null,
    keyPrefix: agent.key?.prefix ?? null,
  };
}

/** Returns the fields of an agent that audit entries may contain. */
export function auditedAgent(agent: AgentDoc): Record<string, unknown> {
  const { name, type, preset, allowedEventTypes, rateLimitPerMinute, status, subtreeSuspendedAt, key } = agent;
  return {
    name,
    type,
    preset,
    allowedEventTypes,
    rateLimitPerMinute,
    status,
    subtreeSuspended: subtreeSuspendedAt !== null,
    keyPrefix: key?.prefix ?? null,
  };
}
