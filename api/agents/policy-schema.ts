import { z } from 'zod';
import { DEFAULT_POLICY, MAX_AGENT_DEPTH } from '../../shared/domain/agent';
import { reasonSchema } from '../http/schemas';

const MAX_AGENTS = 1_000_000;
const count = (defaultTo: number) => z.int().min(1).max(MAX_AGENTS).default(defaultTo);

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
    approval: z
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
      })
      .meta({ id: 'ApprovalRule' })
      .default({})
      .meta({ examples: [{ fromDepth: 3 }] }),
  })
  .meta({ id: 'SpawnPolicy' });

/** Replaces the entire policy. Omitted fields are reset to their defaults. */
export const policyInput = policySchema
  .extend({ reason: reasonSchema.optional() })
  .meta({ id: 'SetSpawnPolicyRequest' });
