import { keyedAgentId } from '../../shared/domain/agent';
import { tenantOf } from '../../shared/domain/ids';
import type { TestPartner } from '../support/harness';
import type { OperationCommand } from './commands';
import type { Operation } from './operations';
import {
  effectiveStatus,
  isBelow,
  LOST_KEY,
  maskOf,
  type ModelAgent,
  type ModelGrant,
  type ModelKey,
  type ModelState,
  pathOf,
  typeProblem,
} from './state';

/** More agents would make a run slower, but not find more. */
const MAX_AGENTS = 60;
const MIN_LIVING_ROOTS = 1;

const pickFrom = <T>(all: readonly T[], pick: number): T | undefined => all[pick % all.length];

/** What a command refers to. `near` is the agent that earlier commands of the same race are about. */
export interface CommandContext {
  state: ModelState;
  partner: TestPartner;
  keys: readonly ModelKey[];
  near: ModelAgent | null;
  /** If set, this agent calls, usually for one of its descendants. */
  callingAgent: ModelAgent | null;
  idempotencyKey: string;
}

/** Chooses an agent, usually one that is not revoked, and in a race one that is related to `near`. */
function pickAgent({ state, near, callingAgent }: CommandContext, pick: number): ModelAgent | undefined {
  const all = [...state.agents.values()];
  if (callingAgent)
    return (
      pickFrom(
        all.filter((agent) => isBelow(agent, callingAgent.id)),
        pick,
      ) ?? callingAgent
    );
  const related = near ? all.filter((agent) => agent.path.includes(near.id) || near.path.includes(agent.id)) : all;
  const living = related.filter((agent) => !['REVOKED', 'REJECTED'].includes(effectiveStatus(state, agent)));
  return pickFrom(pick % 7 === 0 || living.length === 0 ? related : living, Math.floor(pick / 7));
}

/** Operations for which deep agents are chosen more often, so that trees grow deep and are not stopped at the root. */
const DEEPER = new Set<OperationCommand['kind']>(['spawn', 'suspend', 'revoke', 'kill']);

/** Chooses an agent: one with descendants to narrow, and the deeper of two for the operations in `DEEPER`. */
function pickTarget(context: CommandContext, { kind, target, caller }: OperationCommand): ModelAgent | undefined {
  const [one, other] = [pickAgent(context, target), pickAgent(context, caller)];
  if (!one || !other) return one;
  const isDeeper = other.path.length > one.path.length;
  return (DEEPER.has(kind) && isDeeper) || (kind === 'narrow' && !isDeeper) ? other : one;
}

/** Chooses who calls: usually the partner or an agent on the path of the target, sometimes any key. */
function pickCaller({ state, keys, callingAgent }: CommandContext, target: ModelAgent | null, pick: number): ModelKey {
  const own: ModelKey = { secret: state.partner.key, agentId: null };
  const keyOf = ({ id, key }: ModelAgent): ModelKey =>
    key === null || key === LOST_KEY ? own : { secret: key, agentId: id };
  if (callingAgent) return keyOf(callingAgent);
  const choice = pick % 10;
  if (choice < 5) return own;
  if (choice === 9 || !target) return pickFrom(keys, Math.floor(pick / 10)) ?? own;
  const path = pathOf(state, target);
  return keyOf(pickFrom(choice === 8 ? path : path.slice(0, -1), Math.floor(pick / 10)) ?? path[0]!);
}

/** Returns rights that a registration may request. */
function validGrant({ type, preset, patterns }: OperationCommand): ModelGrant {
  const grant = {
    type: type ?? 'SERVICE_ACCOUNT',
    preset: preset ?? 'ADMIN',
    patterns: patterns ?? ['mir.*'],
  } as const;
  const isValid = typeProblem({ ...grant, types: maskOf(grant.patterns) }) === null;
  return isValid ? grant : { type: 'AI_AGENT', preset: 'ORCHESTRATOR', patterns: ['mir.transaction.*'] };
}

function requestedGrant({ type, preset, patterns }: OperationCommand): Partial<ModelGrant> {
  return { ...(type ? { type } : {}), ...(preset ? { preset } : {}), ...(patterns ? { patterns } : {}) };
}

/** Returns the operation that a command represents in the current state. */
export function operationOf(command: OperationCommand, context: CommandContext): Operation {
  const { state, partner, idempotencyKey } = context;
  const { kind, flag, depth } = command;
  const tenant = tenantOf(partner.partnerId, 'live');
  const newIdFor = ({ agentId }: ModelKey): string =>
    keyedAgentId(tenant, agentId ?? partner.partnerId, idempotencyKey);
  if (state.partner.suspended && command.target % 2 === 0)
    return { kind: 'changePartner', change: { suspended: false } };
  if (!state.partner.enterprise && command.target % 3 === 0)
    return { kind: 'changePartner', change: { enterprise: true } };
  if (kind === 'rotatePartner') return { kind };
  if (kind === 'suspendPartner') return { kind: 'changePartner', change: { suspended: !state.partner.suspended } };
  if (kind === 'changePlan') return { kind: 'changePartner', change: { enterprise: !state.partner.enterprise } };

  const agents = [...state.agents.values()];
  const roots = agents.filter((agent) => agent.path.length === 1 && effectiveStatus(state, agent) === 'ACTIVE');
  const target = pickTarget(context, command);
  if (!target || roots.length < MIN_LIVING_ROOTS || (kind === 'register' && agents.length < MAX_AGENTS)) {
    const caller = pickCaller(context, target ?? null, command.caller);
    return { kind: 'register', caller, agentId: newIdFor(caller), grant: validGrant(command) };
  }
  const caller = pickCaller(context, target, command.caller);
  switch (kind) {
    case 'policy': {
      const approvalFromDepth = flag ? 1 + (command.target % 3) : null;
      const policy = { spawnEnabled: command.caller % 6 !== 0, maxSpawnDepth: depth, approvalFromDepth };
      return { kind, caller, policy };
    }
    case 'decide': {
      const requested = agents.filter(({ approvalId }) => approvalId !== null);
      const pending = requested.filter(({ status }) => status === 'PENDING_APPROVAL');
      const agent = pickFrom(pending.length > 0 && command.target % 4 > 0 ? pending : requested, command.target);
      if (!agent) break;
      const decision = command.depth > 2 ? 'approve' : 'reject';
      const decider = command.caller % 4 === 0 ? caller : { secret: state.partner.key, agentId: null };
      return { kind: decision, caller: decider, target: agent.id, approvalId: agent.approvalId! };
    }
    case 'narrow':
      return { kind, caller, target: target.id, patterns: command.patterns ?? ['mir.transaction.*'] };
    case 'suspend':
    case 'revoke':
      return { kind, caller, target: target.id, subtree: flag };
    case 'reactivate':
    case 'rotate':
    case 'kill':
      return { kind, caller, target: target.id };
    case 'register':
    case 'spawn':
      break;
  }
  if (agents.length >= MAX_AGENTS) return { kind: 'rotate', caller, target: target.id };
  // An agent may spawn only its own children.
  const own = caller.agentId === null ? null : state.agents.get(caller.agentId);
  const parent = own && (target === own || isBelow(target, own.id)) ? own : target;
  return {
    kind: 'spawn',
    caller,
    agentId: newIdFor(caller),
    parent: parent.id,
    grant: flag ? requestedGrant(command) : {},
  };
}
