import { type Tenant, tenantOf } from '../../shared/domain/ids';
import type { AgentDoc } from '../../shared/store/agents';
import type { Store } from '../../shared/store/store';
import { anAgent } from './grow-tree';
import type { TestPartner } from './harness';

export interface TestAgent {
  agentId: string;
  tenant: Tenant;
  /** In plaintext. */
  apiKey: string;
  doc: AgentDoc;
}

const AI: Partial<AgentDoc> = { name: 'Order bot', type: 'AI_AGENT', allowedEventTypes: ['mir.transaction.*'] };

/** Inserts an AI agent into the database, by default in the partner's live environment. */
export async function insertAgent(
  { agents }: Pick<Store, 'agents'>,
  { partnerId }: Pick<TestPartner, 'partnerId'>,
  changes: Partial<AgentDoc> = {},
  parent?: TestAgent,
): Promise<TestAgent> {
  const tenant = changes.tenant ?? parent?.tenant ?? tenantOf(partnerId, 'live');
  const { doc, key } = anAgent(tenant, parent?.doc ?? null, { ...AI, ...changes });
  await agents.model.create(doc);
  return { agentId: doc._id, tenant, apiKey: key, doc };
}
