import { hash, randomUUID } from 'node:crypto';
import { configure } from 'safe-stable-stringify';
import { envOf, type Tenant } from './ids';
import type { ApiKeyScope } from './scopes';

export const AGENT_TYPES = ['AI_AGENT', 'SERVICE_ACCOUNT'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];
export const PRESETS = ['READ_ONLY', 'SUBMIT_ONLY', 'STANDARD', 'ORCHESTRATOR', 'ADMIN'] as const;
export type Preset = (typeof PRESETS)[number];

/** Scopes of each preset. ADMIN is for service accounts only. */
export const PRESET_SCOPES: Record<Preset, readonly ApiKeyScope[]> = {
  READ_ONLY: ['events:read', 'resolve:read'],
  SUBMIT_ONLY: ['events:write'],
  STANDARD: ['events:write', 'events:read', 'resolve:read'],
  ORCHESTRATOR: ['events:write', 'events:read', 'resolve:read', 'agents:spawn'],
  ADMIN: ['events:write', 'events:read', 'resolve:read', 'agents:spawn', 'agents:manage', 'links:write'],
};

/** An agent's own status. The effective status also depends on the subtree marks of its ancestors. */
export const AGENT_STATUSES = ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED', 'REVOKED', 'REJECTED', 'EXPIRED'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];
/** Statuses of agents that are not permanently revoked, rejected or expired. */
export const LIVING_STATUSES: readonly AgentStatus[] = ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED'];
export type MembershipSource = 'REGISTERED' | 'SPAWNED';

/** Marks that apply to a whole subtree. Stored only on its root, never copied to descendants. */
export interface SubtreeMarks {
  killedAt: Date | null;
  subtreeSuspendedAt: Date | null;
}

/** Number of hexadecimal digest digits in an ID derived from an idempotency key. */
const KEYED_ID_DIGITS = 40;

export const MAX_AGENT_DEPTH = 32;
export const MAX_ALLOWED_EVENT_TYPES = 200;
export const AI_MAX_EVENTS_PER_BATCH = 100;
export const AI_MAX_USERS_PER_RESOLVE = 25;

/** Spawns per tree and minute that no policy can exceed. Legitimate trees are not expected to grow faster. */
export const MAX_SPAWNS_PER_MINUTE = 600;
export const DAY_SECONDS = 24 * 3_600;
export const MIN_APPROVAL_SECONDS = 60;
export const MAX_APPROVAL_SECONDS = 30 * DAY_SECONDS;
/** Shortest maximum lifetime that a policy can set. */
export const MIN_LIFETIME_SECONDS = 60;

/** Whose events an agent can read: all of its partner's, or only its own and its descendants'. */
export const EVENT_VISIBILITIES = ['PARTNER', 'SUBTREE'] as const;

/** Maximum times by preset. Presets that are not named have no maximum. */
type SecondsByPreset = { readonly [Name in Preset]?: number | undefined };

/** What a partner requires of all agents in one environment. */
export interface SpawnPolicy {
  spawnEnabled: boolean;
  maxSpawnDepth: number;
  maxChildrenPerAgent: number;
  maxAgentsPerRoot: number;
  maxSpawnsPerMinute: number;
  ownerRequired: boolean;
  maxLifetimeSeconds: SecondsByPreset;
  maxIdleSeconds: SecondsByPreset;
  agentEventVisibility: (typeof EVENT_VISIBILITIES)[number];
  approval: {
    fromDepth?: number | undefined;
    fromAgentsPerRoot?: number | undefined;
    presets: readonly Preset[];
    expiresInSeconds: number;
  };
}

export const DEFAULT_POLICY: SpawnPolicy = {
  spawnEnabled: false,
  maxSpawnDepth: 8,
  maxChildrenPerAgent: 100,
  maxAgentsPerRoot: 10_000,
  maxSpawnsPerMinute: MAX_SPAWNS_PER_MINUTE,
  ownerRequired: false,
  maxLifetimeSeconds: {},
  maxIdleSeconds: {},
  agentEventVisibility: 'PARTNER',
  approval: { presets: [], expiresInSeconds: 7 * DAY_SECONDS },
};

/**
 * Returns REVOKED in a killed subtree, EXPIRED for an agent whose lifetime has ended, SUSPENDED in a suspended subtree,
 * and otherwise the agent's own status.
 */
export function effectiveStatus(own: AgentStatus, marks: readonly SubtreeMarks[], hasExpired = false): AgentStatus {
  if (!LIVING_STATUSES.includes(own)) return own;
  if (marks.some(({ killedAt }) => killedAt !== null)) return 'REVOKED';
  if (hasExpired) return 'EXPIRED';
  if (own === 'ACTIVE' && marks.some(({ subtreeSuspendedAt }) => subtreeSuspendedAt !== null)) return 'SUSPENDED';
  return own;
}

/**
 * For each effective status, the own statuses that can result in it. Queries first filter by own status, because the
 * ancestors' marks are not known yet.
 */
export const OWN_STATUSES_OF: Record<AgentStatus, readonly AgentStatus[]> = {
  PENDING_APPROVAL: ['PENDING_APPROVAL'],
  ACTIVE: ['ACTIVE'],
  SUSPENDED: ['ACTIVE', 'SUSPENDED'],
  REVOKED: ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED', 'REVOKED'],
  REJECTED: ['REJECTED'],
  // Until the sweep has recorded it, an expired agent has its former status.
  EXPIRED: ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED', 'EXPIRED'],
};

function agentIdPrefix(tenant: Tenant): string {
  return `agt_${envOf(tenant)}_`;
}

/**
 * Returns a random agent ID. The random part is hexadecimal, so the ID never collides with a keyed ID, which has a `k`
 * in that position.
 */
export function newAgentId(tenant: Tenant): string {
  return `${agentIdPrefix(tenant)}${randomUUID().replaceAll('-', '')}`;
}

/**
 * Derives an agent ID from an idempotency key, so a retry gets the same ID. `caller` is the partner or agent that sends
 * the request. Two callers that use the same key get different IDs.
 */
export function keyedAgentId(tenant: Tenant, caller: string, idempotencyKey: string): string {
  const digest = hash('sha256', `${tenant}|${caller}|${idempotencyKey}`);
  return `${agentIdPrefix(tenant)}k${digest.slice(0, KEYED_ID_DIGITS)}`;
}

const stringify = configure({ deterministic: true });

/** Hashes a request as sent, to distinguish a retry from a different request with the same idempotency key. */
export function agentFingerprint(parentId: string | null, request: object): string {
  return hash('sha256', stringify({ parentId, asked: request })!);
}
