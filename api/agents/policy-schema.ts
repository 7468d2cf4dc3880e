import { z } from 'zod';
import {
  DEFAULT_POLICY,
  EVENT_VISIBILITIES,
  MAX_AGENT_DEPTH,
  MAX_APPROVAL_SECONDS,
  MAX_SPAWNS_PER_MINUTE,
  MIN_APPROVAL_SECONDS,
  MIN_LIFETIME_SECONDS,
  type Preset,
  PRESETS,
} from '../../shared/domain/agent';
import {
  MAX_EXPIRES_IN_SECONDS,
  MAX_IDLE_TIMEOUT_SECONDS,
  MIN_IDLE_TIMEOUT_SECONDS,
} from '../../shared/domain/agent-lifetime';
import { reasonSchema } from '../http/schemas';
import { presetSchema } from './enum-schemas';

/** Maximum of the limits on numbers of agents. */
export const MAX_AGENTS = 1_000_000;
const count = (defaultTo: number) => z.int().min(1).max(MAX_AGENTS).default(defaultTo);

/** Maximum times by preset, in seconds. */
function secondsByPreset(min: number, max: number) {
  const seconds = z.int().min(min).max(max).optional();
  const fields = Object.fromEntries(PRESETS.map((preset) => [preset, seconds])) as Record<Preset, typeof seconds>;
  return z.strictObject(fields);
}

/** Which agents need approval. Requests and responses have different names, because responses contain all defaults. */
function approvalSchema(id: string) {
  return z
    .strictObject({
      fromDepth: z
        .int()
        .min(1)
        .max(MAX_AGENT_DEPTH)
        .optional()
        .describe('Requires approval for agents at this depth or deeper.'),
      fromAgentsPerRoot: z
        .int()
        .min(1)
        .max(MAX_AGENTS)
        .optional()
        .describe('Requires approval for an agent if its tree would reach or exceed this number of agents.'),
      presets: z
        .array(presetSchema)
        .max(PRESETS.length)
        .overwrite((presets) => [...new Set(presets)])
        .default([...DEFAULT_POLICY.approval.presets])
        .describe('Requires approval for agents with these presets, also if they are registered.')
        .meta({ examples: [['ADMIN']] }),
      expiresInSeconds: z
        .int()
        .min(MIN_APPROVAL_SECONDS)
        .max(MAX_APPROVAL_SECONDS)
        .default(DEFAULT_POLICY.approval.expiresInSeconds)
        .describe('How long after the request an agent can be approved. After that, it is `EXPIRED`.'),
    })
    .meta({ id })
    .prefault({})
    .meta({ examples: [{ fromDepth: 3, presets: ['ADMIN'], expiresInSeconds: 604_800 }] });
}

/** A partner's spawn policy for one environment. */
export const policySchema = z
  .strictObject({
    spawnEnabled: z.boolean().default(DEFAULT_POLICY.spawnEnabled),
    maxSpawnDepth: z
      .int()
      .min(1)
      .max(MAX_AGENT_DEPTH)
      .default(DEFAULT_POLICY.maxSpawnDepth)
      .describe('Maximum depth of an agent. Registered agents have depth 0.'),
    maxChildrenPerAgent: count(DEFAULT_POLICY.maxChildrenPerAgent).describe(
      'Maximum number of children per agent. Revoked, rejected and expired agents do not count.',
    ),
    maxAgentsPerRoot: count(DEFAULT_POLICY.maxAgentsPerRoot).describe(
      'Maximum number of agents in a tree, including its root. Revoked, rejected and expired agents do not count.',
    ),
    maxSpawnsPerMinute: z
      .int()
      .min(1)
      .max(MAX_SPAWNS_PER_MINUTE)
      .default(DEFAULT_POLICY.maxSpawnsPerMinute)
      .describe('Maximum number of spawn requests per tree and minute.'),
    ownerRequired: z
      .boolean()
      .default(DEFAULT_POLICY.ownerRequired)
      .describe('Whether each new agent needs an `owner`, which a child inherits, and owners cannot be removed.'),
    maxLifetimeSeconds: secondsByPreset(MIN_LIFETIME_SECONDS, MAX_EXPIRES_IN_SECONDS)
      .meta({ id: 'MaxLifetimes' })
      .default(DEFAULT_POLICY.maxLifetimeSeconds)
      .describe(
        'By preset, the longest time from an agent’s creation to its `expiresAt`. Also the default for new agents.',
      )
      .meta({ examples: [{ ADMIN: 86_400 }] }),
    maxIdleSeconds: secondsByPreset(MIN_IDLE_TIMEOUT_SECONDS, MAX_IDLE_TIMEOUT_SECONDS)
      .meta({ id: 'MaxIdleTimes' })
      .default(DEFAULT_POLICY.maxIdleSeconds)
      .describe('By preset, the longest `idleTimeoutSeconds`. Also the default for new agents.')
      .meta({ examples: [{ ADMIN: 3_600 }] }),
    agentEventVisibility: z
      .enum(EVENT_VISIBILITIES)
      .default(DEFAULT_POLICY.agentEventVisibility)
      .describe('Whether agents can read all of your events, or only their own and those of their descendants.'),
    approval: approvalSchema('ApprovalRule'),
  })
  .meta({ id: 'SpawnPolicy' });

/** Replaces the entire policy. Omitted fields are reset to their defaults. */
export const policyInput = policySchema
  .extend({ approval: approvalSchema('SetApprovalRule'), reason: reasonSchema.optional() })
  .meta({ id: 'SetSpawnPolicyRequest' });
