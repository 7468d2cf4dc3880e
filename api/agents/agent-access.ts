import type { PartnerId, Tenant } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import { readIdempotencyKey } from '../http/idempotency-key';
import { requireHuman } from '../http/require-caller';
import type { Call } from '../http/route';

/** Who calls an agent route, and what it may touch. */
export interface AgentAccess {
  tenant: Tenant;
  partnerId: PartnerId;
  /** The agent whose key it is; null: the partner's own key. */
  self: string | null;
  auditContext: AuditContext;
  idempotencyKey: string | null;
}

export interface AccessNeeds {
  /** `ANY`: reading, suspending and revoking stay after a downgrade. */
  plan: 'ENTERPRISE' | 'ANY';
  /** Only the partner's own key, which humans hold. */
  human?: boolean;
  write: boolean;
}

/** Checks plan, kind of key and idempotency key. Throws 400 or 403. The scope was checked by the authorizer. */
export function agentAccess(
  call: Pick<Call<unknown, unknown, unknown>, 'caller' | 'headers' | 'requestId'>,
  { plan, human = false, write }: AccessNeeds,
): AgentAccess {
  const { tenant, admission } = call.caller;
  const { credential } = admission;
  if (plan === 'ENTERPRISE' && credential.plan !== 'ENTERPRISE') {
    throw new PublicError(
      'ENTERPRISE_REQUIRED',
      'Agents are part of the ENTERPRISE plan. The operator can change the plan.',
    );
  }
  if (human) requireHuman(call.caller);
  const idempotencyKey = write ? readIdempotencyKey(call) : null;
  if (write && credential.agent?.type === 'AI_AGENT' && idempotencyKey === null) {
    throw new PublicError('IDEMPOTENCY_KEY_REQUIRED', 'An AI agent sends the header Idempotency-Key with every write.');
  }
  return {
    tenant,
    partnerId: credential.partnerId,
    self: credential.agent?.agentId ?? null,
    auditContext: auditContextForCaller(call),
    idempotencyKey,
  };
}

/** The agent when the caller may see it: an agent sees itself and what is below it. Throws 403 or 404. */
export function requireSelfOrDescendant(access: AgentAccess, agent: AgentDoc | null): AgentDoc {
  return agent?._id === access.self && agent !== null ? agent : requireDescendant(access, agent);
}

/** The agent when the caller may change it: an agent changes only what is below it. Throws 403 or 404. */
export function requireDescendant({ self }: AgentAccess, agent: AgentDoc | null): AgentDoc {
  if (!agent) throw new PublicError('NOT_FOUND', 'There is no such agent.');
  if (self !== null && !agent.ancestors.includes(self)) {
    throw new PublicError('NOT_YOUR_DESCENDANT', 'An agent acts only on agents below itself.');
  }
  return agent;
}
