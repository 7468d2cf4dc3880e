import type { SpawnPolicy } from '../../shared/domain/agent';
import { escalations, type Grant } from '../../shared/domain/permissions';
import type { FieldError, ProblemCode } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { Store, StoreSession } from '../../shared/store/store';
import { requireAlivePath } from './agent-state';
import { typeErrors } from './input-schemas';

/** How many are alive besides the child: at least the true numbers, and the true ones where a limit asks. */
export interface Population {
  children: number;
  agents: number;
}

/**
 * Counts only when the number kept, which is never too low, reaches what matters, and no further than that: a spawn in a
 * big tree must not read all of it.
 */
async function alive(kept: number, matters: number, count: (limit: number) => Promise<number>): Promise<number> {
  if (kept < matters || matters < 1) return kept;
  const counted = await count(matters);
  return counted < matters ? counted : kept;
}

/** Who lives around a child. `counted`: the child stands in the store already and is not meant. */
export async function countPopulation(
  { store }: { store: Pick<Store, 'agents'> },
  policy: SpawnPolicy,
  path: readonly AgentDoc[],
  counted: boolean,
  session: StoreSession,
): Promise<Population> {
  const [root, parent] = [path[0]!, path.at(-1)!];
  const own = counted ? 1 : 0;
  const { maxChildrenPerAgent, maxAgentsPerRoot, approval } = policy;
  const keptAgents = root.treeSize - own;
  const asks = (approval.fromAgentsPerRoot ?? Infinity) - 1;
  const agentsMatter = keptAgents < maxAgentsPerRoot ? asks : maxAgentsPerRoot;
  return {
    children: await alive(parent.childCount - own, maxChildrenPerAgent, async (limit) => {
      return (await store.agents.livingChildren(parent._id, limit + own, session)) - own;
    }),
    agents: await alive(keptAgents, agentsMatter, async (limit) => {
      return (await store.agents.countAlive(root, { limit: limit + own, session })) - own;
    }),
  };
}

function throwIfAny(code: ProblemCode, detail: string, errors: FieldError[]): void {
  if (errors.length > 0) throw new PublicError(code, `${detail}; \`errors\` names each.`, { errors });
}

function limitErrors(policy: SpawnPolicy, depth: number, { children, agents }: Population): FieldError[] {
  const { maxSpawnDepth, maxChildrenPerAgent, maxAgentsPerRoot } = policy;
  const limits: [path: string, isMet: boolean, message: string][] = [
    ['maxSpawnDepth', depth > maxSpawnDepth, `the child would stand at depth ${depth}; allowed is ${maxSpawnDepth}`],
    ['maxChildrenPerAgent', children >= maxChildrenPerAgent, `the parent has ${maxChildrenPerAgent} children already`],
    ['maxAgentsPerRoot', agents >= maxAgentsPerRoot, `the tree has ${maxAgentsPerRoot} agents already`],
  ];
  return limits.filter(([, isMet]) => isMet).map(([path, , message]) => ({ path, code: 'POLICY_LIMIT', message }));
}

/** Refuses a child that the state above it, the policy or its parents' rights forbid. `path`: root … parent. */
export function checkSpawn(path: readonly AgentDoc[], child: Grant, policy: SpawnPolicy, population: Population): void {
  requireAlivePath(path);
  if (!policy.spawnEnabled) {
    throw new PublicError(
      'SPAWN_DISABLED',
      'The spawn policy does not allow it. The partner can: PUT /v1/agents/policy.',
    );
  }
  const beyond = escalations(path, child);
  const ofType = typeErrors(child);
  if (beyond.length > 0) {
    throwIfAny('ESCALATION_DENIED', 'The child would hold more than those above it', [...beyond, ...ofType]);
  }
  throwIfAny((ofType[0]?.code ?? 'ALLOWLIST_REQUIRED') as ProblemCode, 'The child’s type forbids this', ofType);
  throwIfAny('POLICY_LIMIT', 'The spawn policy does not allow more', limitErrors(policy, path.length, population));
}

/** Whether a human has to agree to a child first. */
export function needsApproval({ approval }: SpawnPolicy, depth: number, { agents }: Population): boolean {
  const { fromDepth = Infinity, fromAgentsPerRoot = Infinity } = approval;
  return depth >= fromDepth || agents + 1 >= fromAgentsPerRoot;
}
