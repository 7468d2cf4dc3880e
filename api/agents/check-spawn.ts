import type { Preset, SpawnPolicy } from '../../shared/domain/agent';
import { escalations, type Grant } from '../../shared/domain/permissions';
import type { FieldError, ProblemCode } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { Store, StoreSession } from '../../shared/store/store';
import { requireAlivePath } from './agent-state';
import { requireNoViolations } from './check-policy';
import { typeErrors } from './input-schemas';

/**
 * Numbers of living agents among the parent's children and in the entire tree, excluding the new child. Each number is
 * an upper bound, but it is exact whenever a policy limit depends on it.
 */
export interface Population {
  children: number;
  agents: number;
}

/**
 * Returns `stored`, an upper bound, if it is below `threshold`. Otherwise, counts the agents: returns the exact number
 * if it is below `threshold`, and `stored` if it is not. Counts only up to `threshold`, so that a spawn does not read
 * an entire large tree.
 */
async function countIfNeeded(
  stored: number,
  threshold: number,
  count: (limit: number) => Promise<number>,
): Promise<number> {
  if (stored < threshold || threshold < 1) return stored;
  const counted = await count(threshold);
  return counted < threshold ? counted : stored;
}

/**
 * Counts the living children of the parent and the living agents in the tree, excluding the child. `isStored` means
 * that the child is already in the database.
 */
export async function countPopulation(
  { store }: { store: Pick<Store, 'agents'> },
  policy: SpawnPolicy,
  path: readonly AgentDoc[],
  isStored: boolean,
  session: StoreSession,
): Promise<Population> {
  const [root, parent] = [path[0]!, path.at(-1)!];
  const own = isStored ? 1 : 0;
  const { maxChildrenPerAgent, maxAgentsPerRoot, approval } = policy;
  const storedAgents = root.treeSize - own;
  const approvalThreshold = (approval.fromAgentsPerRoot ?? Infinity) - 1;
  const agentThreshold = storedAgents < maxAgentsPerRoot ? approvalThreshold : maxAgentsPerRoot;
  return {
    children: await countIfNeeded(parent.childCount - own, maxChildrenPerAgent, async (limit) => {
      return (await store.agents.livingChildren(parent._id, limit + own, session)) - own;
    }),
    agents: await countIfNeeded(storedAgents, agentThreshold, async (limit) => {
      return (await store.agents.countAlive(root, { limit: limit + own, session })) - own;
    }),
  };
}

function throwIfAny(code: ProblemCode, detail: string, errors: FieldError[]): void {
  if (errors.length > 0) throw new PublicError(code, `${detail}. See \`errors\` for each violation.`, { errors });
}

function limitErrors(policy: SpawnPolicy, depth: number, { children, agents }: Population): FieldError[] {
  const { maxSpawnDepth, maxChildrenPerAgent, maxAgentsPerRoot } = policy;
  const limits: [path: string, isMet: boolean, message: string][] = [
    [
      'maxSpawnDepth',
      depth > maxSpawnDepth,
      `The child would be at depth ${depth}, but the maximum is ${maxSpawnDepth}.`,
    ],
    [
      'maxChildrenPerAgent',
      children >= maxChildrenPerAgent,
      `The parent already has the maximum number of children (${maxChildrenPerAgent}).`,
    ],
    [
      'maxAgentsPerRoot',
      agents >= maxAgentsPerRoot,
      `The tree already has the maximum number of agents (${maxAgentsPerRoot}).`,
    ],
  ];
  return limits.filter(([, isMet]) => isMet).map(([path, , message]) => ({ path, code: 'POLICY_LIMIT', message }));
}

/**
 * Throws if the child's type, its ancestors or the policy forbid the spawn. `path` contains the ancestors, root …
 * parent, and `violations` the rules on single agents that the child violates.
 */
export function checkSpawn(
  path: readonly AgentDoc[],
  child: Grant,
  policy: SpawnPolicy,
  population: Population,
  violations: readonly FieldError[] = [],
): void {
  requireAlivePath(path);
  if (!policy.spawnEnabled) {
    throw new PublicError(
      'SPAWN_DISABLED',
      'Spawning is disabled. Use the partner key to enable it with PUT /v1/agents/policy.',
    );
  }
  const escalated = escalations(path, child);
  const ofType = typeErrors(child);
  if (escalated.length > 0) {
    throwIfAny('ESCALATION_DENIED', 'The child would exceed its ancestors’ permissions', [...escalated, ...ofType]);
  }
  throwIfAny(
    (ofType[0]?.code ?? 'ALLOWLIST_REQUIRED') as ProblemCode,
    'An AI agent may not have these permissions',
    ofType,
  );
  requireNoViolations([...limitErrors(policy, path.length, population), ...violations]);
}

/** Returns true if the policy requires a person to approve the child before it gets a key. */
export function needsApproval(
  { approval }: SpawnPolicy,
  preset: Preset,
  depth: number,
  { agents }: Pick<Population, 'agents'>,
): boolean {
  const { fromDepth = Infinity, fromAgentsPerRoot = Infinity, presets } = approval;
  return presets.includes(preset) || depth >= fromDepth || agents + 1 >= fromAgentsPerRoot;
}
