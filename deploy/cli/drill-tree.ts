import { agentFingerprint, newAgentId } from '../../shared/domain/agent';
import { type PartnerId, type Tenant, tenantOf } from '../../shared/domain/ids';
import type { AgentDoc } from '../../shared/store/agents';
import { newAgent } from '../../api/agents/new-agent';
import { auditedAgent } from '../../api/agents/present-agent';
import { type AuditContext, auditEntry } from '../../api/db/audit-context';
import { transaction } from '../../api/db/transaction';
import type { CliContext } from './open';

/** Agents that one transaction stores, with their audit entries. */
const AGENTS_PER_PAGE = 250;
/** Children of an agent, apart from those that make the tree deep. */
const FAN_OUT = 4;
/** Agents whose keys send requests during a drill. */
const MAX_SAMPLED_KEYS = 50;
/** If the drill dies before it kills its agents, they expire. */
const LIFETIME_MS = 3_600_000;

/** The tree of a drill, with the keys of a sample of its agents in plaintext. */
export interface DrillTree {
  tenant: Tenant;
  rootId: string;
  sampledKeys: string[];
}

/**
 * Returns the index of each agent's parent, and null for the root. The tree has a chain of the requested depth, and
 * otherwise grows level by level.
 */
export function parentsOf(size: number, depth: number): (number | null)[] {
  const parents: (number | null)[] = [null];
  const depths = [0];
  for (let agent = 1; agent < size; agent += 1) {
    const next = Math.floor((agent - depth - 1) / FAN_OUT);
    const open = agent <= depth ? agent - 1 : next;
    const parent = depths[open]! < depth ? open : 0;
    parents.push(parent);
    depths.push(depths[parent]! + 1);
  }
  return parents;
}

/** Builds the agents of a tree, root first, and samples their keys. The root and the deepest agent are in the sample. */
function grow(partnerId: PartnerId, tenant: Tenant, { agents, depth }: TreeOptions) {
  const at = new Date();
  const expiresAt = new Date(at.getTime() + LIFETIME_MS);
  const parents = parentsOf(agents, depth);
  const sampleEvery = Math.ceil(agents / (MAX_SAMPLED_KEYS - 1));
  const docs: AgentDoc[] = [];
  const sampledKeys: string[] = [];
  for (const [index, parentIndex] of parents.entries()) {
    const parent = parentIndex === null ? null : docs[parentIndex]!;
    const name = `Kill drill ${index}`;
    const spec = {
      agentId: newAgentId(tenant),
      name,
      type: 'SERVICE_ACCOUNT',
      preset: 'STANDARD',
      allowedEventTypes: ['mir.*'],
      rateLimitPerMinute: null,
      authorizer: null,
      expiresAt,
      fingerprint: agentFingerprint(parent?._id ?? null, { name }),
      approvalId: null,
    } as const;
    const { agent, apiKey } = newAgent({ tenant, partnerId }, parent, spec, at);
    if (parent) parent.childCount += 1;
    docs.push(agent);
    if (index % sampleEvery === 0 || index === Math.min(depth, agents - 1)) sampledKeys.push(apiKey!);
  }
  docs[0]!.treeSize = agents;
  return { docs, sampledKeys };
}

export interface TreeOptions {
  agents: number;
  depth: number;
}

/**
 * Stores a tree of active agents in a partner's test environment, with an audit entry for each, like registering and
 * spawning them, but faster than the API allows. `onProgress` receives the number of agents that are stored.
 */
export async function buildTree(
  ctx: CliContext,
  partnerId: PartnerId,
  options: TreeOptions,
  auditContext: AuditContext,
  {
    signal,
    onRoot,
    onProgress,
  }: { signal: AbortSignal; onRoot: (tree: DrillTree) => void; onProgress: (stored: number) => void },
): Promise<void> {
  const tenant = tenantOf(partnerId, 'test');
  const { docs, sampledKeys } = grow(partnerId, tenant, options);
  onRoot({ tenant, rootId: docs[0]!._id, sampledKeys });
  for (let stored = 0; stored < docs.length; stored += AGENTS_PER_PAGE) {
    signal.throwIfAborted();
    const page = docs.slice(stored, stored + AGENTS_PER_PAGE);
    const entries = page.map((agent) => {
      const action = agent.parentId === null ? 'agent.registered' : 'agent.spawned';
      const after = { ...auditedAgent(agent), parentId: agent.parentId };
      const about = { partnerId, tenant, action, target: agent._id, reason: DRILL_REASON, after };
      return auditEntry({ ...auditContext, at: agent.createdAt }, about);
    });
    await transaction(ctx, async (session) => {
      await ctx.store.agents.insertMany(page, session);
      await ctx.store.audit.appendMany(entries, session);
    });
    onProgress(stored + page.length);
  }
}

/** Reason in the audit entries of a drill. */
export const DRILL_REASON = 'Kill drill';
