import { newApiKey } from '../../shared/domain/api-key';
import { envOf, tagOf } from '../../shared/domain/ids';
import { type AgentOwner, lifetimeBelow, type PathLifetime, UNLIMITED } from '../../shared/domain/agent-lifetime';
import type { Grant } from '../../shared/domain/permissions';
import type { AgentDoc } from '../../shared/store/agents';
import type { AgentAccess } from './agent-access';
import type { ApprovalRequest } from './approvals';

/** The fields of a new agent that do not depend on its position in the tree. */
export interface NewAgentSpec extends Grant {
  agentId: string;
  name: string;
  authorizer: string | null;
  owner?: AgentOwner | null;
  expiresAt?: Date | null;
  idleTimeoutSeconds?: number | null;
  /** ID of the key, member or agent that creates the agent. */
  createdBy?: string | null;
  /** The limits of the ancestors. None for a root agent. */
  above?: PathLifetime;
  fingerprint: string;
  /** Set if a person must approve the agent first. Until then, the agent has no key. */
  approval?: ApprovalRequest | null;
}

/**
 * Builds an agent and its key. The agent is a child of `parent`, or a root agent if `parent` is null, and contains only
 * a hash of the key.
 */
export function newAgent(
  { tenant, partnerId }: Pick<AgentAccess, 'tenant' | 'partnerId'>,
  parent: AgentDoc | null,
  spec: NewAgentSpec,
  at: Date,
): { agent: AgentDoc; apiKey: string | null } {
  const { agentId, name, type, preset, allowedEventTypes, rateLimitPerMinute, authorizer, fingerprint } = spec;
  const { owner = null, expiresAt = null, idleTimeoutSeconds = null, createdBy = null, above = UNLIMITED } = spec;
  const { approval = null } = spec;
  const issued = approval === null ? newApiKey(envOf(tenant), tagOf(partnerId), true) : null;
  const agent: AgentDoc = {
    _id: agentId,
    tenant,
    name,
    type,
    preset,
    allowedEventTypes: [...allowedEventTypes],
    rateLimitPerMinute,
    status: issued ? 'ACTIVE' : 'PENDING_APPROVAL',
    parentId: parent?._id ?? null,
    rootId: parent?.rootId ?? agentId,
    ancestors: parent ? [...parent.ancestors, parent._id] : [],
    depth: parent ? parent.depth + 1 : 0,
    path: `${parent?.path ?? ''}/${agentId}`,
    membershipSource: parent ? 'SPAWNED' : 'REGISTERED',
    authorizer,
    owner,
    createdBy,
    expiresAt,
    idleTimeoutSeconds,
    key: issued && { hash: issued.hash, prefix: issued.prefix, createdAt: at },
    killedAt: null,
    subtreeSuspendedAt: null,
    approvalId: null,
    ...approval,
    fingerprint,
    childCount: 0,
    treeSize: 1,
    treeRevision: 0,
    createdAt: at,
    updatedAt: at,
    lastActivityAt: null,
  };
  const { endsAtMs } = lifetimeBelow(above, agent);
  if (endsAtMs !== Infinity) agent.expiryCheckAt = new Date(endsAtMs);
  return { agent, apiKey: issued?.key ?? null };
}
