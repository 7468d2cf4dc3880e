import { z } from 'zod';
import type { PartnerId } from '../domain/ids';
import { SCOPES, type Scope } from '../domain/scopes';

export type { Scope };

/** Why a caller may do nothing now. */
export const BLOCKS = ['PARTNER_SUSPENDED', 'AGENT_SUSPENDED', 'AGENT_KEY_REVOKED'] as const;
export type Block = (typeof BLOCKS)[number];

/** What a key says of itself permanently: it is remembered beside the key's hash. */
export const keyFactsSchema = z.object({
  partnerId: z.string().transform((id) => id as PartnerId),
  env: z.enum(['live', 'test']),
  scopes: z.array(z.enum(SCOPES)),
  /** Null: the partner's own key, held by humans. */
  agent: z
    .object({
      agentId: z.string(),
      name: z.string(),
      type: z.enum(['AI_AGENT', 'SERVICE_ACCOUNT']),
    })
    .nullable(),
});
export type KeyFacts = z.infer<typeof keyFactsSchema>;

/** What a node of the path (the partner, then the agents from root to self) grants now. */
export const nodeFactsSchema = z.object({
  plan: z.enum(['STANDARD', 'ENTERPRISE']).optional(),
  allowedEventTypes: z.array(z.string()).optional(),
});
export type NodeFacts = z.infer<typeof nodeFactsSchema>;

/** A node as the authorizer caches it. Budgets are units a minute; null: none of its own. */
export interface PathNode {
  id: string;
  /** Binds the node and all below it. */
  blocked: Block | null;
  /** Binds the node itself only. */
  selfBlocked: Block | null;
  budgets: Record<NodePolicy, number | null>;
  facts: NodeFacts;
}

/** Who a key belongs to and what it may do, as the authorizer needs it. */
export interface Credential extends KeyFacts {
  plan: 'STANDARD' | 'ENTERPRISE';
  /** An event type must be allowed by each of these lists: one an agent on the path. */
  allowlists: string[][];
}

/** Which budget a call draws on. */
export type Policy = 'events' | 'requests' | 'control';
/** Budgets that a node's row carries. `control` is the same constant for every partner, and agents have none. */
type NodePolicy = Exclude<Policy, 'control'>;

/** Puts together what the key and its path say. */
export function credentialOf(key: KeyFacts, path: NodeFacts[]): Credential {
  return {
    ...key,
    plan: path[0]?.plan ?? 'STANDARD',
    allowlists: path.flatMap(({ allowedEventTypes }) => (allowedEventTypes ? [allowedEventTypes] : [])),
  };
}
