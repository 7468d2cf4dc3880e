import { z } from 'zod';
import { DEFAULT_POLICY, MAX_AGENT_DEPTH } from '../../shared/domain/agent';
import { reasonSchema } from '../http/schemas';

const MAX_AGENTS = 1_000_000;
const count = (defaultTo: number) => z.int().min(1).max(MAX_AGENTS).default(defaultTo);

/** The spawn policy of one environment of a partner. */
export const policySchema = z
  .strictObject({
    spawnEnabled: z.boolean().default(DEFAULT_POLICY.spawnEnabled),
    maxSpawnDepth: z
      .int()
      .min(1)
      .max(MAX_AGENT_DEPTH)
      .default(DEFAULT_POLICY.maxSpawnDepth)
      .describe('Maximum depth of an agent. Registered agents have depth 0.'),
    maxChildrenPerAgent: count(DEFAULT_POLICY.maxChildrenPerAgent).describe('Maximum number of living children.'),
    maxAgentsPerRoot: count(DEFAULT_POLICY.maxAgentsPerRoot).describe(
      'Maximum number of living agents in a tree, including its root.',
    ),
    approval: z
      .strictObject({
        fromDepth: z
          .int()
          .min(1)
          .max(MAX_AGENT_DEPTH)
          .optional()
          .describe('Require approval for agents at this depth or deeper.'),
        fromAgentsPerRoot: z
          .int()
          .min(1)
          .max(MAX_AGENTS)
          .optional()
          .describe('Require approval for an agent that would make its tree this large or larger.'),
      })
      .meta({ id: 'ApprovalRule' })
      .default({})
      .meta({ examples: [{ fromDepth: 3 }] }),
  })
  .meta({ id: 'SpawnPolicy' });

/** Replaces the whole policy: an omitted field gets its default, not its current value. */
export const policyInput = policySchema
  .extend({ reason: reasonSchema.optional() })
  .meta({ id: 'SetSpawnPolicyRequest' });
