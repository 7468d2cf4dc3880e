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
      .describe('Registered agents stand at depth 0.'),
    maxChildrenPerAgent: count(DEFAULT_POLICY.maxChildrenPerAgent).describe('Living children of one agent.'),
    maxAgentsPerRoot: count(DEFAULT_POLICY.maxAgentsPerRoot).describe('Living agents of one tree, its root included.'),
    approval: z
      .strictObject({
        fromDepth: z
          .int()
          .min(1)
          .max(MAX_AGENT_DEPTH)
          .optional()
          .describe('A human agrees to children from this depth on.'),
        fromAgentsPerRoot: z
          .int()
          .min(1)
          .max(MAX_AGENTS)
          .optional()
          .describe('A human agrees to the child that would be this many in its tree, and to later ones.'),
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
