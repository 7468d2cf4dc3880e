import { MirError } from '../../shared/errors';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import { classifyStoreError } from '../../shared/store/errors';
import type { ApiContext } from '../context';

import type { Answer } from '../http/finish';
import { type AgentAccess } from './agent-access';
import { presentAgent, presentPending, statusOf } from './present-agent';
import { keyedAgentId, newAgentId } from '../../shared/domain/agent';

/** A registered or spawned agent. `apiKey` is null if the request is a retry or the agent awaits approval. */
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
    'This idempotency key was already used to create a different agent. Use a new key, or resend the original request.',
  );
}

/**
 * Creates at most one agent per idempotency key by deriving the agent's ID from the key. If a request is repeated,
 * returns the agent in its current state, without its API key. Throws 422 if the idempotency key was used for a
 * different request.
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
    const winner = await findCreated(deps, access, agentId, fingerprint);
    if (winner) return winner;
    throw error;
  }
}

/** Returns the response to a registration or spawn. `ancestors` are those of the new agent, root first. */
export async function answerCreated(
  { store }: Pick<ApiContext, 'store'>,
  { agent, apiKey, replayed }: CreatedAgent,
  ancestors: readonly AgentDoc[],
): Promise<Answer> {
  if (replayed) {
    const above = await store.agents.limitsAbove(agent);
    const isPending = statusOf(agent, above) === 'PENDING_APPROVAL';
    return { status: 200, body: isPending ? presentPending(agent, above) : presentAgent(agent, above) };
  }
  if (apiKey === null) return { status: 202, body: presentPending(agent, ancestors) };
  const headers = { Location: `/v1/agents/${agent._id}` };
  return { status: 201, body: { ...presentAgent(agent, ancestors), apiKey }, headers };
}
