import { agentFingerprint } from '../../shared/domain/agent';
import { auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import type { Answer } from '../http/finish';
import { route } from '../http/route';
import { transaction } from '../db/transaction';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import { type AgentAccess, agentAccess } from './agent-access';
import { announceApprovalRequest } from './announce-agent';
import { requestApproval } from './approvals';
import { requireNoViolations, violationsOf, withPolicyLimits } from './check-policy';
import { type RegisterInput, registerInput, registrationErrors } from './input-schemas';
import { lifetimeOfNew } from './lifetime-input';
import { newAgent } from './new-agent';
import { auditedAgent, issuedAgentSchema, pendingAgentSchema, existingAgentSchema } from './present-agent';
import { answerCreated, type CreatedAgent, createOnce } from './create-once';

/**
 * Registers a root agent and returns it with its key, unless a person must approve it first. Only a hash of the key is
 * stored.
 */
async function registerAgent(
  deps: Pick<ApiContext, 'store' | 'webhookQueue'>,
  access: AgentAccess,
  input: RegisterInput,
): Promise<CreatedAgent> {
  const { store, webhookQueue } = deps;
  const { partnerId, tenant, auditContext } = access;
  const fingerprint = agentFingerprint(null, input);
  let deliveryIds: string[] = [];
  const created = await createOnce(deps, access, fingerprint, (agentId) =>
    transaction(deps, async (session) => {
      const at = new Date();
      const { preset, rateLimitPerMinute = null, authorizer = null } = input;
      const policy = await store.policies.get(tenant, session);
      const limits = withPolicyLimits(policy, preset, at, lifetimeOfNew(input, at));
      requireNoViolations(violationsOf(policy, { preset, createdAt: at, ...limits }));
      const approval = policy.approval.presets.includes(preset)
        ? await requestApproval(deps, access, policy, { now: at, session })
        : null;
      const facts = { agentId, authorizer, createdBy: access.callerId, fingerprint, approval };
      const spec = { ...input, rateLimitPerMinute, ...limits, ...facts };
      const { agent, apiKey } = newAgent(access, null, spec, at);
      await store.agents.insert(agent, session);
      const action = approval ? 'agent.registration.requested' : 'agent.registered';
      const entry = { partnerId, tenant, action, target: agentId, after: auditedAgent(agent) };
      await store.audit.append(auditEntry({ ...auditContext, at }, entry), session);
      deliveryIds = approval ? await announceApprovalRequest(deps, agent, session) : [];
      return { agent, apiKey, replayed: false };
    }),
  );
  wakeDeliveries(webhookQueue, deliveryIds);
  return created;
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
    202: { description: 'The agent, which gets its key once it is approved', schema: pendingAgentSchema },
    200: {
      description: 'The existing agent, without its key. Returned for a retry with the same idempotency key.',
      schema: existingAgentSchema,
    },
  },
  problems: [
    'IDEMPOTENCY_KEY_INVALID',
    'POLICY_LIMIT',
    'PRESET_NOT_ALLOWED',
    'ALLOWLIST_REQUIRED',
    'IDEMPOTENCY_KEY_REUSED',
  ],
  handle: async (call): Promise<Answer> => {
    const access = agentAccess(call, { write: true });
    return answerCreated(call.ctx, await registerAgent(call.ctx, access, call.body), []);
  },
});
