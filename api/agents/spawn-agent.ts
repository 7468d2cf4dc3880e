import { agentFingerprint, type SpawnPolicy } from '../../shared/domain/agent';
import { lifetimeOf } from '../../shared/domain/agent-lifetime';
import { effectiveAllowlist } from '../../shared/domain/permissions';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import type { StoreSession } from '../../shared/store/store';
import { auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import type { Answer } from '../http/finish';
import { route } from '../http/route';
import { transaction } from '../db/transaction';
import { serializeByKey } from '../../shared/locks/serialize-by-key';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import { type AgentAccess, agentAccess, requireDescendant } from './agent-access';
import { idParams } from '../http/schemas';
import { requireCallerAlive } from './agent-state';
import { announceApprovalRequest } from './announce-agent';
import { requestApproval } from './approvals';
import { violationsOf, withPolicyLimits } from './check-policy';
import { checkSpawn, type Population, countPopulation, needsApproval } from './check-spawn';
import { type SpawnInput, spawnOrChangeErrors, spawnInput } from './input-schemas';
import { lifetimeOfNew } from './lifetime-input';
import { newAgent } from './new-agent';
import { auditedAgent, issuedAgentSchema, pendingAgentSchema, existingAgentSchema } from './present-agent';
import { answerCreated, type CreatedAgent, createOnce } from './create-once';
import { throttleSpawns } from './throttle-spawns';

type Deps = Pick<ApiContext, 'store' | 'queueLink' | 'keys' | 'metrics' | 'log' | 'webhookQueue'>;

/**
 * Returns the agent under which to spawn. Throws 404 if the agent does not exist, and 403 if the caller is a different
 * agent.
 */
async function readParent({ store }: Deps, access: AgentAccess, parentId: string): Promise<AgentDoc> {
  const { tenant, self } = access;
  const parent = await store.agents.get(tenant, parentId);
  if (parent === null || self === null) return requireDescendant(access, parent);
  if (parent._id === self) return parent;
  throw new PublicError(
    'NOT_YOUR_DESCENDANT',
    'An agent can spawn only its own children. Use the calling agent’s ID in the path, or use the partner key.',
  );
}

/**
 * Inserts the child with its audit entry, and updates the counters of its parent and root. `path` contains the
 * ancestors, root … parent.
 */
async function insertChild(
  { store }: Deps,
  access: AgentAccess,
  path: readonly AgentDoc[],
  child: AgentDoc,
  population: Population,
  session: StoreSession,
): Promise<void> {
  const { partnerId, tenant, auditContext } = access;
  const [root, parent] = [path[0]!, path.at(-1)!];
  await store.agents.insert(child, session);
  await store.agents.addChildren(parent._id, population.children + 1 - parent.childCount, session);
  await store.agents.touchTree(root._id, population.agents + 1 - root.treeSize, session);
  const action = child.approvalId === null ? 'agent.spawned' : 'agent.spawn.requested';
  const entry = {
    partnerId,
    tenant,
    action,
    target: child._id,
    after: { ...auditedAgent(child), parentId: parent._id },
  };
  await store.audit.append(auditEntry({ ...auditContext, at: child.createdAt }, entry), session);
}

/**
 * Spawns a child and returns it with its key and, unless the request is a retry, its ancestors. Only a hash of the key is
 * stored. A single transaction reads all ancestors, checks the spawn, and writes the child and the tree's root, so it
 * conflicts with any concurrent kill or suspension of an ancestor.
 */
export async function spawnAgent(
  deps: Deps,
  access: AgentAccess,
  parentId: string,
  input: SpawnInput,
): Promise<CreatedAgent & { ancestors: readonly AgentDoc[] }> {
  const { store } = deps;
  const { rootId, ancestors } = await readParent(deps, access, parentId);
  const fingerprint = agentFingerprint(parentId, input);

  let deliveryIds: string[] = [];
  let path: AgentDoc[] = [];

  const attempt = async (agentId: string, session: StoreSession): Promise<CreatedAgent> => {
    // Write the root first, so that a transaction that loses a race conflicts before it reads anything.
    await store.agents.touchTree(rootId, 0, session);
    path = await store.agents.byIds([...ancestors, parentId], session);
    requireCallerAlive(access.self, path);
    const parent = path.at(-1)!;
    const policy: SpawnPolicy = await store.policies.get(access.tenant, session);
    const population = await countPopulation(deps, policy, path, false, session);
    const {
      name,
      type = parent.type,
      preset = parent.preset,
      allowedEventTypes = effectiveAllowlist(path),
      rateLimitPerMinute = null,
    } = input;
    const grant = { type, preset, allowedEventTypes, rateLimitPerMinute };
    const at = new Date();
    const limits = withPolicyLimits(policy, preset, at, lifetimeOfNew(input, at, parent.owner));
    checkSpawn(path, grant, policy, population, violationsOf(policy, { preset, createdAt: at, ...limits }));
    const approval = needsApproval(policy, preset, path.length, population)
      ? await requestApproval(deps, access, policy, { now: at, session })
      : null;
    const authorizer = input.owner ? null : parent.authorizer;
    const facts = { agentId, name, authorizer, createdBy: access.callerId, fingerprint, approval };
    const above = lifetimeOf(path);
    const { agent, apiKey } = newAgent(access, parent, { ...grant, ...limits, above, ...facts }, at);
    await insertChild(deps, access, path, agent, population, session);
    deliveryIds = approval === null ? [] : await announceApprovalRequest(deps, agent, session);
    return { agent, apiKey, replayed: false };
  };

  const created = await createOnce(deps, access, fingerprint, async (agentId) => {
    await throttleSpawns(deps, await store.policies.get(access.tenant), rootId);
    return serializeByKey(deps, rootId, (own) => transaction(deps, (session) => attempt(agentId, session), own));
  });
  wakeDeliveries(deps.webhookQueue, deliveryIds);
  return { ...created, ancestors: path };
}

export const spawnAgentRoute = route({
  operationId: 'spawnAgent',
  method: 'POST',
  path: '/agents/:id/spawn',
  auth: { kind: 'key', scope: 'agents:spawn', availableWithoutRedis: false, enterpriseOnly: true },
  tag: 'Agents',
  summary: 'Spawn a child agent and issue its key',
  description:
    'Omitted fields are inherited. An agent can spawn only its own children. The partner key can spawn children of any agent.',
  params: idParams,
  body: spawnInput,
  check: spawnOrChangeErrors,
  idempotencyKey: true,
  answers: {
    201: { description: 'The child and its key', schema: issuedAgentSchema, headers: ['Location'] },
    202: { description: 'The child, which gets its key once it is approved', schema: pendingAgentSchema },
    200: {
      description: 'The existing child, without its key. Returned for a retry with the same idempotency key.',
      schema: existingAgentSchema,
    },
  },
  problems: [
    'IDEMPOTENCY_KEY_INVALID',
    'IDEMPOTENCY_KEY_REQUIRED',
    'NOT_YOUR_DESCENDANT',
    'SPAWN_DISABLED',
    'ESCALATION_DENIED',
    'NOT_FOUND',
    'AGENT_REVOKED',
    'AGENT_STATE',
    'POLICY_LIMIT',
    'PRESET_NOT_ALLOWED',
    'ALLOWLIST_REQUIRED',
    'IDEMPOTENCY_KEY_REUSED',
  ],
  handle: async (call): Promise<Answer> => {
    const { ctx, params, body } = call;
    const access = agentAccess(call, { write: true });
    const created = await spawnAgent(ctx, access, params.id, body);
    return answerCreated(ctx, created, created.ancestors);
  },
});
