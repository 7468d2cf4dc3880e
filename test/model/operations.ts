import {
  allowedTypes,
  authorize,
  callerProblem,
  effectiveStatus,
  exceedsTypes,
  isBelow,
  LOST_KEY,
  maskOf,
  type ModelAgent,
  type ModelGrant,
  type ModelKey,
  type ModelScope,
  type ModelState,
  pathOf,
  PATTERNS,
  type SpawnRules,
  spawnProblem,
  type Status,
  typeProblem,
} from './state';

/** An operation as a client requests it. `caller` is the API key that it uses. */
type AgentOperation = { caller: ModelKey } & (
  | { kind: 'register'; agentId: string; grant: ModelGrant }
  | { kind: 'spawn'; agentId: string; parent: string; grant: Partial<ModelGrant> }
  | { kind: 'suspend' | 'revoke'; target: string; subtree: boolean }
  | { kind: 'reactivate' | 'rotate' | 'kill'; target: string }
  | { kind: 'narrow'; target: string; patterns: readonly string[] }
  | { kind: 'approve' | 'reject'; target: string; approvalId: string }
  | { kind: 'policy'; policy: SpawnRules }
);
export type Operation =
  | AgentOperation
  | { kind: 'rotatePartner' }
  | { kind: 'changePartner'; change: Partial<Pick<ModelState['partner'], 'suspended' | 'enterprise'>> };
export type OperationKind = Operation['kind'];

/** The response to an operation: `OK`, `PENDING`, `REPLAYED` or the code of an error, and what it issued. */
export interface Reply {
  code: string;
  key: string | null;
  approvalId: string | null;
}

/** The result of an operation according to the model. */
interface Applied {
  code: string;
  state: ModelState;
}

const NEEDS_ENTERPRISE = new Set<OperationKind>([
  'register',
  'spawn',
  'reactivate',
  'rotate',
  'narrow',
  'approve',
  'policy',
]);
const PARTNER_ONLY = new Set<OperationKind>(['register', 'approve', 'reject', 'policy']);
const LIVING: readonly Status[] = ['PENDING_APPROVAL', 'ACTIVE', 'SUSPENDED'];
const CHANGEABLE: readonly Status[] = ['ACTIVE', 'SUSPENDED'];

const scopeOf = (kind: OperationKind): ModelScope => (kind === 'spawn' ? 'agents:spawn' : 'agents:manage');

/** Returns why the request is rejected before it changes anything, or null. Ignores everything that may still change. */
export function admit(state: ModelState, op: Operation): string | null {
  if (op.kind === 'rotatePartner' || op.kind === 'changePartner') return null;
  const { caller, kind } = op;
  const rejection = authorize(state, caller, scopeOf(kind));
  if (rejection !== null) return rejection;
  if (NEEDS_ENTERPRISE.has(kind) && !state.partner.enterprise) return 'ENTERPRISE_REQUIRED';
  if (PARTNER_ONLY.has(kind) && caller.agentId !== null) return 'HUMAN_REQUIRED';
  const self = caller.agentId;
  if (op.kind === 'register' || op.kind === 'policy') return null;
  const target = state.agents.get(op.kind === 'spawn' ? op.parent : op.target);
  if (!target) return 'NOT_FOUND';
  if (op.kind === 'spawn') return self === null || self === op.parent ? null : 'NOT_YOUR_DESCENDANT';
  if (self !== null && !isBelow(target, self)) return 'NOT_YOUR_DESCENDANT';
  return op.kind === 'revoke' && op.subtree && target.status === 'REJECTED' ? 'AGENT_STATE' : null;
}

const withAgent = (state: ModelState, agent: ModelAgent): ModelState => ({
  ...state,
  agents: new Map(state.agents).set(agent.id, agent),
});

function create(state: ModelState, op: AgentOperation & { kind: 'register' | 'spawn' }, reply: Reply): Applied {
  if (state.agents.has(op.agentId)) return { code: 'REPLAYED', state };
  const above = op.kind === 'spawn' ? state.agents.get(op.parent) : null;
  if (above === undefined) return { code: 'NOT_FOUND', state };
  const path = above ? pathOf(state, above) : [];
  const parent = path.at(-1);
  const inherited = parent ? allowedTypes(state, parent) : 0;
  const type = op.grant.type ?? parent!.type;
  const preset = op.grant.preset ?? parent!.preset;
  const { patterns } = op.grant;
  const types = patterns ? maskOf(patterns) : inherited;
  let pending = false;
  if (op.kind === 'spawn') {
    const child = { type, preset, patterns: patterns ? patterns.map((pattern) => PATTERNS[pattern]!) : [inherited] };
    const problem = callerProblem(path, op.caller.agentId) ?? spawnProblem(state, path, child);
    if (problem !== null) return { code: problem, state };
    pending = path.length >= (state.policy.approvalFromDepth ?? Infinity);
    const isRotated = op.caller.agentId === null && op.caller.secret !== state.partner.key;
    if (pending && isRotated) return { code: 'API_KEY_INVALID', state };
  }
  const agent: ModelAgent = {
    id: op.agentId,
    path: [...(parent?.path ?? []), op.agentId],
    type,
    preset,
    types,
    status: pending ? 'PENDING_APPROVAL' : 'ACTIVE',
    killed: false,
    subtreeSuspended: false,
    key: pending ? null : (reply.key ?? LOST_KEY),
    approvalId: pending ? reply.approvalId : null,
    requestedWith: op.caller.secret,
  };
  return { code: pending ? 'PENDING' : 'OK', state: withAgent(state, agent) };
}

/** Returns the change that the operation makes to its target, or why it makes none. */
function changeOf(
  state: ModelState,
  op: AgentOperation & { target: string },
  target: ModelAgent,
  reply: Reply,
): Partial<ModelAgent> | string {
  const path = pathOf(state, target);
  const ancestors = path.slice(0, -1);
  const status = effectiveStatus(state, target);
  const requireStatus = (allowed: readonly Status[]): string | null =>
    allowed.includes(status) ? null : status === 'REVOKED' ? 'AGENT_REVOKED' : 'AGENT_STATE';
  const rejected = callerProblem(path, op.caller.agentId);
  if (rejected !== null) return rejected;
  switch (op.kind) {
    case 'suspend':
      return (
        requireStatus(CHANGEABLE) ?? { status: 'SUSPENDED', ...(op.subtree ? { subtreeSuspended: true as const } : {}) }
      );
    case 'reactivate':
      return requireStatus(CHANGEABLE) ?? { status: 'ACTIVE', subtreeSuspended: false };
    case 'rotate':
      return requireStatus(CHANGEABLE) ?? { key: reply.key ?? LOST_KEY };
    case 'narrow': {
      const types = maskOf(op.patterns);
      const patterns = op.patterns.map((pattern) => PATTERNS[pattern]!);
      const problem = requireStatus(CHANGEABLE) ?? typeProblem({ ...target, types });
      if (problem !== null) return problem;
      return exceedsTypes(ancestors, patterns, target.types) ? 'ESCALATION_DENIED' : { types };
    }
    case 'revoke':
      if (!op.subtree) return requireStatus(LIVING) ?? { status: 'REVOKED' };
      // The request reads the status before its transaction, so a rejection in between has either result.
      return target.status === 'REJECTED' && reply.code === 'AGENT_STATE' ? reply.code : { killed: true };
    case 'kill':
      return { killed: true };
    case 'approve': {
      const { type, preset, types } = target;
      const child = { type, preset, patterns: patternsOf(types) };
      const lost = admit(state, op);
      if (lost !== null) return lost;
      if (op.caller.secret === target.requestedWith) return 'SECOND_PERSON_REQUIRED';
      const problem = requireStatus(['PENDING_APPROVAL']) ?? spawnProblem(state, ancestors, child);
      return problem ?? { status: 'ACTIVE', key: reply.key ?? LOST_KEY };
    }
    case 'reject':
      return requireStatus(['PENDING_APPROVAL']) ?? { status: 'REJECTED' };
    default:
      throw new Error(`${op.kind} has no target`);
  }
}

/** Returns the widest patterns that together match these types. */
function patternsOf(types: number): number[] {
  return Object.values(PATTERNS).filter((pattern) => (pattern & ~types) === 0);
}

/**
 * Applies an admitted operation. `reply` provides the keys and IDs that the product chose; the caller compares its code
 * with the model's.
 */
export function apply(state: ModelState, op: Operation, reply: Reply): Applied {
  if (PARTNER_ONLY.has(op.kind) && 'caller' in op && op.caller.agentId !== null)
    return { code: 'HUMAN_REQUIRED', state };
  switch (op.kind) {
    case 'register':
    case 'spawn':
      return create(state, op, reply);
    case 'policy':
      return { code: 'OK', state: { ...state, policy: op.policy } };
    case 'rotatePartner':
      return { code: 'OK', state: { ...state, partner: { ...state.partner, key: reply.key ?? LOST_KEY } } };
    case 'changePartner':
      return { code: 'OK', state: { ...state, partner: { ...state.partner, ...op.change } } };
    default: {
      const target = state.agents.get(op.target);
      if (!target) return { code: 'NOT_FOUND', state };
      const change = changeOf(state, op, target, reply);
      if (typeof change === 'string') return { code: change, state };
      return { code: 'OK', state: withAgent(state, { ...target, ...change }) };
    }
  }
}
