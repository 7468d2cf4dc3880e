import { z } from 'zod';
import type { LifetimeFacts } from '../domain/agent-lifetime';
import type { PartnerId } from '../domain/ids';
import { MEMBER_ROLES } from '../domain/roles';
import type { Scope } from '../domain/scopes';

export type { Scope };

/** Reasons to reject every request made with a key. */
export const BLOCKS = [
  'PARTNER_SUSPENDED',
  'AGENT_SUSPENDED',
  'AGENT_KEY_REVOKED',
  'AGENT_EXPIRED',
  'API_KEY_EXPIRED',
] as const;
export type Block = (typeof BLOCKS)[number];
/** Why the key of an agent no longer exists. */
export type FinalBlock = Extract<Block, 'AGENT_KEY_REVOKED' | 'AGENT_EXPIRED'>;

/** Immutable facts about a key, cached in its credential row. */
export const keyFactsSchema = z.object({
  partnerId: z.string().transform((id) => id as PartnerId),
  env: z.enum(['live', 'test']),
  /** Partner keys only, like the restrictions below. Rows that an earlier version cached do not have them. */
  keyId: z.string().optional(),
  allowedEventTypes: z.array(z.string()).optional(),
  allowedIps: z.array(z.string()).optional(),
  /** Null for a partner's own key. */
  agent: z
    .object({
      agentId: z.string(),
      name: z.string(),
      type: z.enum(['AI_AGENT', 'SERVICE_ACCOUNT']),
    })
    .nullable(),
  /** A member of the partner, for an access token. */
  member: z
    .object({
      memberId: z.string(),
      name: z.string(),
      role: z.enum(MEMBER_ROLES),
      /** When the member last entered a password or used a passkey. */
      confirmedAtMs: z.number(),
    })
    .optional(),
});
export type KeyFacts = z.infer<typeof keyFactsSchema>;

/** Current facts about a node on a key's path: the partner, then the agents from the root to the key's own agent. */
export const nodeFactsSchema = z.object({
  plan: z.enum(['STANDARD', 'ENTERPRISE']).optional(),
  allowedEventTypes: z.array(z.string()).optional(),
  /** The partner's maximum share of the events queue, unless it is the default. */
  queueSharePercent: z.number().optional(),
});
export type NodeFacts = z.infer<typeof nodeFactsSchema>;

/** A node as the authorizer caches it. */
export interface PathNode {
  id: string;
  /** Blocks the node and everything below it. */
  blocked: Block | null;
  /** Blocks only the node itself. */
  selfBlocked: Block | null;
  /** Units per minute. Null if the node has no limit of its own. */
  budgets: Record<NodePolicy, number | null>;
  facts: NodeFacts;
  /** Null for the partner. */
  lifetime: LifetimeFacts | null;
}

/** The owner of a key and what the key may do. */
export interface Credential extends KeyFacts {
  plan: 'STANDARD' | 'ENTERPRISE';
  queueSharePercent: number | undefined;
  /** The list of a restricted partner key, or one list per agent on the path. An event type must be on all of them. */
  allowlists: string[][];
  /** The agent's ancestors whose idle time its activity ends. */
  activeAncestors: readonly string[];
}

/** The budget that a request draws on. */
export type Policy = 'events' | 'requests' | 'control' | 'introspections';
/**
 * Budgets in a node's row. Excludes `control`, because a partner's control budget has a fixed capacity and agents do
 * not have one, and `introspections`, whose capacity is that of `requests`.
 */
type NodePolicy = Exclude<Policy, 'control' | 'introspections'>;

/** Combines the facts about a key with those about the nodes on its path. */
export function credentialOf(key: KeyFacts, path: NodeFacts[], activeAncestors: readonly string[] = []): Credential {
  return {
    ...key,
    plan: path[0]?.plan ?? 'STANDARD',
    queueSharePercent: path[0]?.queueSharePercent,
    allowlists: [key, ...path].flatMap(({ allowedEventTypes }) => (allowedEventTypes ? [allowedEventTypes] : [])),
    activeAncestors,
  };
}
