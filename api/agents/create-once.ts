import { MirError } from '../../shared/errors';
import type { AgentDoc } from '../../shared/store/agents';
import { classifyStoreError } from '../../shared/store/errors';
import type { ApiContext } from '../context';

import { type AgentAccess } from './agent-access';
import { keyedAgentId, newAgentId } from '../../shared/domain/agent';

/** What a register or spawn made, or had made before; its key is in the first answer only. */
export interface Birth {
  agent: AgentDoc;
  apiKey: string | null;
  replayed: boolean;
}

async function birthBefore(
  { store }: Pick<ApiContext, 'store'>,
  { tenant }: AgentAccess,
  agentId: string,
  fingerprint: string,
): Promise<Birth | null> {
  const agent = await store.agents.get(tenant, agentId);
  if (!agent) return null;
  if (agent.fingerprint === fingerprint) return { agent, apiKey: null, replayed: true };
  throw new MirError(
    'IDEMPOTENCY_KEY_REUSED',
    'This idempotency key was used for another agent. Use a new key for a new agent; repeat the same content to repeat.',
  );
}

/**
 * Makes an agent once per idempotency key: the key gives the agent's id, and the store holds each id once. A repetition
 * answers the agent as it is now, without its key.
 */
export async function onceOnly(
  deps: Pick<ApiContext, 'store'>,
  access: AgentAccess,
  fingerprint: string,
  bear: (agentId: string) => Promise<Birth>,
): Promise<Birth> {
  const { tenant, partnerId, self, idempotencyKey } = access;
  if (idempotencyKey === null) return bear(newAgentId(tenant));
  const agentId = keyedAgentId(tenant, self ?? partnerId, idempotencyKey);
  const before = await birthBefore(deps, access, agentId, fingerprint);
  if (before) return before;
  try {
    return await bear(agentId);
  } catch (error) {
    if (error instanceof MirError || classifyStoreError(error) !== 'duplicate') throw error;
    const twin = await birthBefore(deps, access, agentId, fingerprint);
    if (twin) return twin;
    throw error;
  }
}
