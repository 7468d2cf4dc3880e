import { agentIdPrefix } from '../../shared/domain/agent';
import { newApiKey } from '../../shared/domain/api-key';
import { envOf, newId, partnerOf, tagOf, type Tenant, tenantOf } from '../../shared/domain/ids';
import type { AgentDoc } from '../../shared/store/agents';
import type { Store } from '../../shared/store/store';
import type { TestPartner } from './harness';

export interface TestAgent {
  agentId: string;
  tenant: Tenant;
  /** In the clear. */
  apiKey: string;
  doc: AgentDoc;
}

/** Writes an agent with a known key straight into the store: of the partner's live environment, unless told. */
export async function insertAgent(
  { agents }: Pick<Store, 'agents'>,
  { partnerId }: Pick<TestPartner, 'partnerId'>,
  changes: Partial<AgentDoc> = {},
  parent?: TestAgent,
): Promise<TestAgent> {
  const tenant = changes.tenant ?? parent?.tenant ?? tenantOf(partnerId, 'live');
  const agentId = changes._id ?? newId(agentIdPrefix(tenant).slice(0, -1));
  const { key, hash, prefix } = newApiKey(envOf(tenant), tagOf(partnerOf(tenant)), true);
  const now = new Date();
  const ancestors = parent ? [...parent.doc.ancestors, parent.agentId] : [];
  const doc: AgentDoc = {
    _id: agentId,
    tenant,
    name: 'Order bot',
    type: 'AI_AGENT',
    preset: 'STANDARD',
    allowedEventTypes: ['mir.transaction.*'],
    rateLimitPerMinute: null,
    status: 'ACTIVE',
    parentId: parent?.agentId ?? null,
    rootId: ancestors[0] ?? agentId,
    ancestors,
    depth: ancestors.length,
    path: [...ancestors, agentId].map((id) => `/${id}`).join(''),
    membershipSource: parent ? 'SPAWNED' : 'REGISTERED',
    authorizer: null,
    key: { hash, prefix, createdAt: now },
    killedAt: null,
    subtreeSuspendedAt: null,
    approvalId: null,
    fingerprint: null,
    childCount: 0,
    treeSize: 1,
    treeRevision: 0,
    createdAt: now,
    updatedAt: now,
    lastActivityAt: null,
    ...changes,
  };
  await agents.model.create(doc);
  return { agentId, tenant, apiKey: key, doc };
}
