import { hash, randomUUID } from 'node:crypto';
import { configure } from 'safe-stable-stringify';
import { envOf, type Tenant } from './ids';
import type { Scope } from './scopes';

export const AGENT_TYPES = ['AI_AGENT', 'SERVICE_ACCOUNT'] as const;
export type AgentType = (typeof AGENT_TYPES)[number];
export const PRESETS = ['READ_ONLY', 'SUBMIT_ONLY', 'STANDARD', 'ORCHESTRATOR', 'ADMIN'] as const;
export type Preset = (typeof PRESETS)[number];

/** What each preset may do; ADMIN is for service accounts only. */
export const PRESET_SCOPES: Record<Preset, readonly Scope[]> = {
  READ_ONLY: ['events:read', 'resolve:read'],
  SUBMIT_ONLY: ['events:write'],
  STANDARD: ['events:write', 'events:read', 'resolve:read'],
  ORCHESTRATOR: ['events:write', 'events:read', 'resolve:read', 'agents:spawn'],
  ADMIN: ['events:write', 'events:read', 'resolve:read', 'agents:spawn', 'agents:manage', 'links:write'],
};

/** An agent's own status; what its ancestors' subtree marks make of it is its effective status. */
export const AGENT_STATUSES = ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED', 'REVOKED', 'REJECTED'] as const;
export type AgentStatus = (typeof AGENT_STATUSES)[number];
/** Statuses that count as living: not ended for good. */
export const LIVING_STATUSES: readonly AgentStatus[] = ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED'];
export type MembershipSource = 'REGISTERED' | 'SPAWNED';

/** Marks that bind a whole subtree. They stand on its root and are never copied to descendants. */
export interface SubtreeMarks {
  killedAt: Date | null;
  subtreeSuspendedAt: Date | null;
}

/** Hexadecimal digits of the digest in an id that an idempotency key made. */
const KEYED_ID_DIGITS = 40;

export const MAX_AGENT_DEPTH = 32;
export const MAX_ALLOWED_EVENT_TYPES = 200;
export const AI_MAX_EVENTS_PER_BATCH = 100;
export const AI_MAX_USERS_PER_RESOLVE = 25;

/** Spawn policy of an enterprise and environment. */
export interface SpawnPolicy {
  spawnEnabled: boolean;
  maxSpawnDepth: number;
  maxChildrenPerAgent: number;
  maxAgentsPerRoot: number;
  approval: { fromDepth?: number | undefined; fromAgentsPerRoot?: number | undefined };
}

export const DEFAULT_POLICY: SpawnPolicy = {
  spawnEnabled: false,
  maxSpawnDepth: 8,
  maxChildrenPerAgent: 100,
  maxAgentsPerRoot: 10_000,
  approval: {},
};

/** The status that counts: a killed ancestor revokes, a suspended subtree suspends, else the agent's own. */
export function effectiveStatus(own: AgentStatus, marks: readonly SubtreeMarks[]): AgentStatus {
  if (own === 'REVOKED' || own === 'REJECTED') return own;
  if (marks.some(({ killedAt }) => killedAt !== null)) return 'REVOKED';
  if (own === 'ACTIVE' && marks.some(({ subtreeSuspendedAt }) => subtreeSuspendedAt !== null)) return 'SUSPENDED';
  return own;
}

/**
 * The own statuses from which an effective one can come: what an index can tell before the ancestors are known.
 */
export const OWN_STATUSES_OF: Record<AgentStatus, readonly AgentStatus[]> = {
  PENDING_APPROVAL: ['PENDING_APPROVAL'],
  ACTIVE: ['ACTIVE'],
  SUSPENDED: ['ACTIVE', 'SUSPENDED'],
  REVOKED: ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED', 'REVOKED'],
  REJECTED: ['REJECTED'],
};

/** Whose agents: ids of the tenant's agents carry its environment. */
function agentIdPrefix(tenant: Tenant): string {
  return `agt_${envOf(tenant)}_`;
}

/** The id of a new agent. Its hexadecimal digits keep it apart from ids with a `k`, which idempotency keys make. */
export function newAgentId(tenant: Tenant): string {
  return `${agentIdPrefix(tenant)}${randomUUID().replaceAll('-', '')}`;
}

/**
 * The id that a caller's idempotency key makes, always the same: `caller` is the partner or the agent that asks, so
 * that two agents that both count from 1 never meet.
 */
export function keyedAgentId(tenant: Tenant, caller: string, idempotencyKey: string): string {
  const digest = hash('sha256', `${tenant}|${caller}|${idempotencyKey}`);
  return `${agentIdPrefix(tenant)}k${digest.slice(0, KEYED_ID_DIGITS)}`;
}

const stringify = configure({ deterministic: true });

/** What was asked for, as asked, to tell a repetition from another use of its idempotency key. */
export function agentFingerprint(parentId: string | null, asked: object): string {
  return hash('sha256', stringify({ parentId, asked })!);
}
