/**
 * A reference model of agents' authority: what each key may do, and what each operation changes. It shares no code with
 * the product.
 */

export type Preset = 'READ_ONLY' | 'SUBMIT_ONLY' | 'STANDARD' | 'ORCHESTRATOR' | 'ADMIN';
export type AgentType = 'AI_AGENT' | 'SERVICE_ACCOUNT';
export type Status = 'PENDING_APPROVAL' | 'ACTIVE' | 'SUSPENDED' | 'REVOKED' | 'REJECTED';
export type ModelScope =
  | 'events:write'
  | 'events:read'
  | 'resolve:read'
  | 'links:write'
  | 'agents:manage'
  | 'agents:spawn';

const STANDARD_SCOPES: readonly ModelScope[] = ['events:write', 'events:read', 'resolve:read'];
const SCOPES: Record<Preset, readonly ModelScope[]> = {
  READ_ONLY: ['events:read', 'resolve:read'],
  SUBMIT_ONLY: ['events:write'],
  STANDARD: STANDARD_SCOPES,
  ORCHESTRATOR: [...STANDARD_SCOPES, 'agents:spawn'],
  ADMIN: [...STANDARD_SCOPES, 'agents:spawn', 'agents:manage', 'links:write'],
};

/** The event types that the model's agents submit, in the order of their bits in a mask. */
export const EVENT_TYPES = [
  'mir.transaction.completed',
  'mir.transaction.refunded',
  'mir.review.posted',
] as const satisfies readonly string[];

/**
 * Allowlist patterns and the event types that they match, as bits: first `EVENT_TYPES`, then all other transaction
 * types, all other review types, and all types in other categories. Because of the other types, a list of types never
 * covers a category, as in the product.
 */
export const PATTERNS: Readonly<Record<string, number>> = {
  'mir.*': 0b111111,
  'mir.transaction.*': 0b001011,
  'mir.review.*': 0b010100,
  'mir.transaction.completed': 0b000001,
  'mir.transaction.refunded': 0b000010,
  'mir.review.posted': 0b000100,
};
const ALL_TYPES = 0b111111;
const OTHER_CATEGORIES = 0b100000;

export const maskOf = (patterns: readonly string[]): number =>
  patterns.reduce((mask, pattern) => mask | PATTERNS[pattern]!, 0);
const isWithin = (inner: number, outer: number): boolean => (inner & ~outer) === 0;

export interface ModelAgent {
  id: string;
  /** IDs from the root to this agent. */
  path: readonly string[];
  type: AgentType;
  preset: Preset;
  /** The event types on the agent's own allowlist. */
  types: number;
  status: Status;
  killed: boolean;
  subtreeSuspended: boolean;
  /** The current key. Null while approval is pending, and `LOST_KEY` if no client knows it. */
  key: string | null;
  approvalId: string | null;
  /** The key that requested the agent. It cannot approve the agent. */
  requestedWith: string;
}

/** A key whose response was lost, so no client can use it. */
export const LOST_KEY = 'lost';

export interface SpawnRules {
  spawnEnabled: boolean;
  maxSpawnDepth: number;
  approvalFromDepth: number | null;
}

/** The authority of one partner and all its agents. Immutable. */
export interface ModelState {
  partner: { key: string; suspended: boolean; enterprise: boolean };
  policy: SpawnRules;
  agents: ReadonlyMap<string, ModelAgent>;
}

/** A key as presented by a client. `agentId` is null for the partner's own keys. */
export interface ModelKey {
  secret: string;
  agentId: string | null;
}

export const agentOf = ({ agents }: ModelState, id: string): ModelAgent => agents.get(id)!;
export const pathOf = (state: ModelState, { path }: ModelAgent): ModelAgent[] => path.map((id) => agentOf(state, id));
export const isBelow = (agent: ModelAgent, ancestorId: string): boolean =>
  agent.id !== ancestorId && agent.path.includes(ancestorId);

/** Returns the agent's status, given the marks of the agents on `marked`. */
function statusUnder({ status }: ModelAgent, marked: readonly ModelAgent[]): Status {
  if (status === 'REVOKED' || status === 'REJECTED') return status;
  if (marked.some(({ killed }) => killed)) return 'REVOKED';
  if (status === 'ACTIVE' && marked.some(({ subtreeSuspended }) => subtreeSuspended)) return 'SUSPENDED';
  return status;
}

/** Returns the agent's effective status, which reflects the marks of its ancestors. */
export const effectiveStatus = (state: ModelState, agent: ModelAgent): Status =>
  statusUnder(agent, pathOf(state, agent));

/** Returns why no key with this scope may pass, or null if the key may. */
export function authorize(state: ModelState, key: ModelKey, scope: ModelScope): string | null {
  const { partner } = state;
  if (key.agentId === null) {
    if (key.secret !== partner.key) return 'API_KEY_INVALID';
    return partner.suspended ? 'PARTNER_SUSPENDED' : null;
  }
  const agent = state.agents.get(key.agentId);
  if (agent?.key !== key.secret) return 'API_KEY_INVALID';
  const path = pathOf(state, agent);
  if (agent.status === 'REVOKED' || path.some(({ killed }) => killed)) return 'AGENT_KEY_REVOKED';
  if (partner.suspended) return 'PARTNER_SUSPENDED';
  if (agent.status === 'SUSPENDED' || path.some(({ subtreeSuspended }) => subtreeSuspended)) return 'AGENT_SUSPENDED';
  return SCOPES[agent.preset].includes(scope) ? null : 'SCOPE_MISSING';
}

/** Returns the event types that an agent may submit: those that every allowlist on its path contains. */
export const allowedTypes = (state: ModelState, agent: ModelAgent): number =>
  pathOf(state, agent).reduce((types, each) => types & each.types, ALL_TYPES);

/** The rights of a new agent, or of an agent after a change. */
export interface ModelGrant {
  type: AgentType;
  preset: Preset;
  patterns: readonly string[];
}

/** Returns the rule for AI agents that the rights violate, or null. */
export function typeProblem({ type, preset, types }: { type: AgentType; preset: Preset; types: number }) {
  if (type !== 'AI_AGENT') return null;
  if (preset === 'ADMIN') return 'PRESET_NOT_ALLOWED';
  return types === 0 || (types & OTHER_CATEGORIES) !== 0 ? 'ALLOWLIST_REQUIRED' : null;
}

/** Returns whether one of the patterns, unless `held` already covers it, matches types that an ancestor may not submit. */
export const exceedsTypes = (path: readonly ModelAgent[], patterns: readonly number[], held = 0): boolean =>
  patterns.some((pattern) => !isWithin(pattern, held) && path.some(({ types }) => !isWithin(pattern, types)));

/** Returns why the agents on `path` (root … parent) may not have a child with these rights, or null. */
export function spawnProblem(
  { policy }: ModelState,
  path: readonly ModelAgent[],
  child: { type: AgentType; preset: Preset; patterns: readonly number[] },
): string | null {
  for (const agent of path) {
    const status = statusUnder(agent, [agent]);
    if (status === 'REVOKED') return 'AGENT_REVOKED';
    if (status !== 'ACTIVE') return 'AGENT_STATE';
  }
  if (!policy.spawnEnabled) return 'SPAWN_DISABLED';
  const isEscalation =
    (path.at(-1)!.type === 'AI_AGENT' && child.type !== 'AI_AGENT') ||
    SCOPES[child.preset].some((scope) => path.some(({ preset }) => !SCOPES[preset].includes(scope))) ||
    exceedsTypes(path, child.patterns);
  if (isEscalation) return 'ESCALATION_DENIED';
  const types = child.patterns.reduce((mask, pattern) => mask | pattern, 0);
  return typeProblem({ ...child, types }) ?? (path.length > policy.maxSpawnDepth ? 'POLICY_LIMIT' : null);
}

/**
 * Returns why a caller that was authorized may no longer change the agents below it, or null. `path` contains the
 * caller.
 */
export function callerProblem(path: readonly ModelAgent[], callerId: string | null): string | null {
  if (callerId === null) return null;
  const upToCaller = path.slice(0, path.findIndex(({ id }) => id === callerId) + 1);
  const caller = upToCaller.at(-1);
  if (!caller) return 'NOT_YOUR_DESCENDANT';
  const status = statusUnder(caller, upToCaller);
  if (status === 'ACTIVE') return null;
  return status === 'SUSPENDED' ? 'AGENT_SUSPENDED' : 'AGENT_KEY_REVOKED';
}

const stateKeys = new WeakMap<ModelState, string>();
const agentKeys = new WeakMap<ModelAgent, string>();

function agentKey(agent: ModelAgent): string {
  let key = agentKeys.get(agent);
  if (key === undefined) agentKeys.set(agent, (key = JSON.stringify(agent)));
  return key;
}

/** Returns a text that is equal for equal states. */
export function stateKey(state: ModelState): string {
  let key = stateKeys.get(state);
  if (key === undefined) {
    const agents = [...state.agents.values()].map(agentKey).sort();
    stateKeys.set(state, (key = JSON.stringify([state.partner, state.policy, agents])));
  }
  return key;
}
