import { MirError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import { classifyStoreError } from '../../shared/store/errors';
import type { ApiContext } from '../context';

import { type AgentAccess } from './agent-access';
import { keyedAgentId, newAgentId } from '../../shared/domain/agent';

/** What a register or spawn made, or had made before; its key is in the first answer only. */
export interface CreatedAgent {
  agent: AgentDoc;
  apiKey: string | null;
  replayed: boolean;
}

async function findCreated(
  { store }: Pick<ApiContext, 'store'>,
  { tenant }: AgentAccess,
  agentId: string,
  fingerprint: string,
): Promise<CreatedAgent | null> {
  const agent = await store.agents.get(tenant, agentId);
  if (!agent) return null;
  if (agent.fingerprint === fingerprint) return { agent, apiKey: null, replayed: true };
  throw new PublicError(
    'IDEMPOTENCY_KEY_REUSED',
    'This idempotency key was used for another agent. Use a new key for a new agent; repeat the same content to repeat.',
  );
}

/**
 * Makes an agent once per idempotency key: the key gives the agent's id, and the store holds each id once. A repetition
 * answers the agent as it is now, without its key.
 */
export async function createOnce(
  deps: Pick<ApiContext, 'store'>,
  access: AgentAccess,
  fingerprint: string,
  create: (agentId: string) => Promise<CreatedAgent>,
): Promise<CreatedAgent> {
  const { tenant, partnerId, self, idempotencyKey } = access;
  if (idempotencyKey === null) return create(newAgentId(tenant));
  const agentId = keyedAgentId(tenant, self ?? partnerId, idempotencyKey);
  const before = await findCreated(deps, access, agentId, fingerprint);
  if (before) return before;
  try {
    return await create(agentId);
  } catch (error) {
    if (error instanceof MirError || classifyStoreError(error) !== 'duplicate') throw error;
    const twin = await findCreated(deps, access, agentId, fingerprint);
    if (twin) return twin;
    throw error;
  }
}
