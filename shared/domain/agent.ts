import type { Tenant } from './ids';
import type { Scope } from './scopes';

export type AgentType = 'AI_AGENT' | 'SERVICE_ACCOUNT';
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
export type AgentStatus = 'PENDING_APPROVAL' | 'ACTIVE' | 'SUSPENDED' | 'REVOKED' | 'REJECTED';
export type MembershipSource = 'REGISTERED' | 'SPAWNED';

/** Marks that bind a whole subtree. They stand on its root and are never copied to descendants. */
export interface SubtreeMarks {
  killedAt: Date | null;
  suspendedAt: Date | null;
}

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
  if (own === 'ACTIVE' && marks.some(({ suspendedAt }) => suspendedAt !== null)) return 'SUSPENDED';
  return own;
}

/** Whose agents: ids of the tenant's agents carry its environment. */
export function agentIdPrefix(tenant: Tenant): string {
  return `agt_${tenant.endsWith(':test') ? 'test' : 'live'}_`;
}
