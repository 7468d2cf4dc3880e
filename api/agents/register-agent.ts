import { agentFingerprint } from '../../shared/domain/agent';
import { auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { transaction } from '../db/transaction';
import { type AgentAccess, agentAccess } from './agent-access';
import { type RegisterInput, registerInput, registrationErrors } from './input-schemas';
import { lifetimeOfNew } from './lifetime-input';
import { newAgent } from './new-agent';
import { agentSchema, auditedAgent, issuedAgentSchema, presentAgent } from './present-agent';
import { type CreatedAgent, createOnce } from './create-once';

/** Registers a root agent and returns it with its key. Only a hash of the key is stored. */
function registerAgent(
  { store }: Pick<ApiContext, 'store'>,
  access: AgentAccess,
  input: RegisterInput,
): Promise<CreatedAgent> {
  const { partnerId, tenant, auditContext } = access;
  const fingerprint = agentFingerprint(null, input);
  return createOnce({ store }, access, fingerprint, (agentId) =>
    transaction({ store }, async (session) => {
      const at = new Date();
      const { rateLimitPerMinute = null, authorizer = null } = input;
      const limits = { rateLimitPerMinute, ...lifetimeOfNew(input, at) };
      const facts = { agentId, authorizer, createdBy: access.callerId, fingerprint, approvalId: null };
      const spec = { ...input, ...limits, ...facts };
      const { agent, apiKey } = newAgent(access, null, spec, at);
      await store.agents.insert(agent, session);
      const entry = { partnerId, tenant, action: 'agent.registered', target: agentId, after: auditedAgent(agent) };
      await store.audit.append(auditEntry({ ...auditContext, at }, entry), session);
      return { agent, apiKey, replayed: false };
    }),
  );
}

export const registerAgentRoute = route({
  operationId: 'registerAgent',
  method: 'POST',
  path: '/agents',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, partnerOnly: true, enterpriseOnly: true },
  tag: 'Agents',
  summary: 'Register an agent and issue its key',
  body: registerInput,
  check: registrationErrors,
  idempotencyKey: true,
  answers: {
    201: { description: 'The new agent and its key', schema: issuedAgentSchema, headers: ['Location'] },
    200: {
      description: 'The existing agent, without its key. Returned for a retry with the same idempotency key.',
      schema: agentSchema,
    },
  },
  problems: ['IDEMPOTENCY_KEY_INVALID', 'PRESET_NOT_ALLOWED', 'ALLOWLIST_REQUIRED', 'IDEMPOTENCY_KEY_REUSED'],
  handle: async (call) => {
    const access = agentAccess(call, { write: true });
    const { agent, apiKey, replayed } = await registerAgent(call.ctx, access, call.body);
    if (replayed) return { status: 200, body: presentAgent(agent, []) };
    const headers = { Location: `/v1/agents/${agent._id}` };
    return { status: 201, body: { ...presentAgent(agent, []), apiKey }, headers };
  },
});
