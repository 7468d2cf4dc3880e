import { isDeepStrictEqual } from 'node:util';
import type { SpawnPolicy } from '../../shared/domain/agent';
import { auditEntry } from '../db/audit-context';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { transaction } from '../db/transaction';
import { type AgentAccess, agentAccess } from './agent-access';
import { policyInput, policySchema } from './policy-schema';

/** Replaces the spawn policy. The new policy applies to every spawn and approval that starts after this resolves. */
function replacePolicy(
  { store }: Pick<ApiContext, 'store'>,
  { tenant, partnerId, auditContext }: AgentAccess,
  policy: SpawnPolicy,
  reason?: string,
): Promise<SpawnPolicy> {
  return transaction({ store }, async (session) => {
    const before = await store.policies.get(tenant, session);
    if (isDeepStrictEqual({ ...before }, policy)) return policy;
    const at = new Date();
    await store.policies.put(tenant, policy, at, session);
    const entry = { partnerId, tenant, action: 'agent.policy.changed', target: tenant, reason, before, after: policy };
    await store.audit.append(auditEntry({ ...auditContext, at }, entry), session);
    return policy;
  });
}

export const putPolicyRoute = route({
  operationId: 'setSpawnPolicy',
  method: 'PUT',
  path: '/agents/policy',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    availableWithoutRedis: false,
    recentLogIn: true,
    partnerOnly: true,
    enterpriseOnly: true,
  },
  tag: 'Agents',
  summary: 'Set the spawn policy',
  body: policyInput,
  idempotencyKey: true,
  answers: { 200: { description: 'The new policy', schema: policySchema } },
  problems: [],
  handle: async (call) => {
    const access = agentAccess(call, { write: true });
    const { reason, ...policy } = call.body;
    return { status: 200, body: await replacePolicy(call.ctx, access, policy, reason) };
  },
});
