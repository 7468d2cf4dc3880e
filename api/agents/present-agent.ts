import { z } from 'zod';
import { effectiveStatus, PRESET_SCOPES } from '../../shared/domain/agent';
import { isExpired, lifetimeOf } from '../../shared/domain/agent-lifetime';
import { SCOPES } from '../../shared/domain/scopes';
import type { AgentLimits } from '../../shared/store/agent-lifetimes';
import type { AgentDoc } from '../../shared/store/agents';
import { agentStatusSchema, agentTypeSchema, membershipSourceSchema, presetSchema } from './enum-schemas';
import { ownerSchema } from './lifetime-input';

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
      description:
        'Effective status, which reflects whether an ancestor’s subtree was killed, suspended or has expired.',
    }),
    authMode: z.literal('API_KEY'),
    parentId: z.string().nullable(),
    rootId: z.string(),
    depth: z.int(),
    membershipSource: membershipSourceSchema,
    hasChildren: z.boolean().describe('Whether the agent has created agents. They may have been revoked since.'),
    authorizer: z
      .string()
      .nullable()
      .meta({ deprecated: true, description: 'Use `owner`. Shows the owner’s name if only `owner` was set.' }),
    owner: ownerSchema.nullable().describe('The person who is responsible for the agent.'),
    expiresAt: time.nullable().describe('The agent’s own expiry.'),
    effectiveExpiresAt: time
      .nullable()
      .describe('When the agent expires: the earliest `expiresAt` of the agent and its ancestors.'),
    idleTimeoutSeconds: z.int().nullable().describe('The agent’s own idle timeout.'),
    effectiveIdleTimeoutSeconds: z
      .int()
      .nullable()
      .describe('The idle timeout that applies: the shortest of the agent and its ancestors.'),
    createdAt: time,
    createdBy: z
      .string()
      .nullable()
      .describe('ID of the key, member or agent that created this agent. Null if an earlier version of MIR did.'),
    approvedBy: z
      .string()
      .nullable()
      .describe('ID of the key or member that approved this agent. Null if no approval was needed.'),
    lastActivityAt: time.nullable().describe('Accurate to the minute.'),
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
    approvalExpiresAt: time
      .nullable()
      .describe('Until when the agent can be approved. Null if an earlier version of MIR created it.'),
  })
  .meta({ id: 'PendingAgent' });

/** An agent that a repeated request created before. */
export const existingAgentSchema = z.union([agentSchema, pendingAgentSchema]);

/** Returns an agent's effective status at this moment, given what its ancestors impose on it, root first. */
export function statusOf(agent: AgentDoc, above: readonly AgentLimits[]): AgentDoc['status'] {
  const path = [...above, agent];
  return effectiveStatus(agent.status, path, isExpired(path, Date.now()));
}

/** `above` contains what the ancestors impose on the agent, root first. */
export function presentAgent(agent: AgentDoc, above: readonly AgentLimits[]): PresentedAgent {
  const { expiresAtMs, idleMs } = lifetimeOf([...above, agent]);
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
    hasChildren: agent.childCount > 0,
    authorizer: agent.authorizer ?? agent.owner?.name ?? null,
    owner: agent.owner ?? null,
    expiresAt: agent.expiresAt?.toISOString() ?? null,
    effectiveExpiresAt: expiresAtMs === Infinity ? null : new Date(expiresAtMs).toISOString(),
    idleTimeoutSeconds: agent.idleTimeoutSeconds ?? null,
    effectiveIdleTimeoutSeconds: idleMs === Infinity ? null : idleMs / 1_000,
    createdAt: agent.createdAt.toISOString(),
    createdBy: agent.createdBy ?? null,
    approvedBy: agent.approvedBy ?? null,
    lastActivityAt: agent.lastActivityAt?.toISOString() ?? null,
    keyPrefix: agent.key?.prefix ?? null,
  };
}

/** Returns an agent that awaits approval as shown to its partner. `above` is as in `presentAgent`. */
export function presentPending(agent: AgentDoc, above: readonly AgentLimits[]): z.infer<typeof pendingAgentSchema> {
  const { approvalId, approvalExpiresAt } = agent;
  const approval = { approvalId: approvalId!, approvalExpiresAt: approvalExpiresAt?.toISOString() ?? null };
  return { ...presentAgent(agent, above), ...approval };
}

/** Returns the fields of an agent that audit entries may contain. */
export function auditedAgent(agent: AgentDoc): Record<string, unknown> {
  const { name, type, preset, allowedEventTypes, rateLimitPerMinute, status, subtreeSuspendedAt, key } = agent;
  const { expiresAt = null, idleTimeoutSeconds = null, owner, approvedBy } = agent;
  return {
    name,
    type,
    preset,
    allowedEventTypes,
    rateLimitPerMinute,
    status,
    subtreeSuspended: subtreeSuspendedAt !== null,
    keyPrefix: key?.prefix ?? null,
    expiresAt,
    idleTimeoutSeconds,
    owner: owner?.name ?? null,
    ...(approvedBy ? { approvedBy } : {}),
  };
}
