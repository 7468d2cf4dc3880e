import type { PartnerId, Tenant } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import type { AgentDoc } from '../../shared/store/agents';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import { readIdempotencyKey } from '../http/idempotency-key';
import type { Call, Caller } from '../http/route';

/** The caller of an agent route and what it may access. */
export interface AgentAccess {
  tenant: Tenant;
  partnerId: PartnerId;
  /** ID of the calling agent. Null for the partner's own key. */
  self: string | null;
  /** ID of the calling key, member or agent. Null for a partner key whose ID is not known. */
  callerId: string | null;
  /** Null for an operator. */
  caller: Caller | null;
  auditContext: AuditContext;
  idempotencyKey: string | null;
}

/**
 * Validates the idempotency key and returns what the caller may access. Throws 400 if the key is invalid, or if an AI
 * agent sends a write without a key. The request pipeline has already checked the plan and the kind of API key that the
 * route requires.
 */
export function agentAccess(
  call: Pick<Call<unknown, unknown, unknown>, 'caller' | 'headers' | 'requestId'>,
  { write }: { write: boolean },
): AgentAccess {
  const { tenant, admission } = call.caller;
  const { credential } = admission;
  const idempotencyKey = write ? readIdempotencyKey(call) : null;
  if (write && credential.agent?.type === 'AI_AGENT' && idempotencyKey === null) {
    throw new PublicError(
      'IDEMPOTENCY_KEY_REQUIRED',
      'AI agents must send an idempotency key with every write. Set the Idempotency-Key header.',
    );
  }
  return {
    tenant,
    partnerId: credential.partnerId,
    self: credential.agent?.agentId ?? null,
    callerId: credential.agent?.agentId ?? credential.member?.memberId ?? credential.keyId ?? null,
    caller: call.caller,
    auditContext: auditContextForCaller(call),
    idempotencyKey,
  };
}

/** Returns the agent if the caller may read it: an agent may read itself and its descendants. Throws 403 or 404. */
export function requireSelfOrDescendant(access: AgentAccess, agent: AgentDoc | null): AgentDoc {
  return agent?._id === access.self && agent !== null ? agent : requireDescendant(access, agent);
}

/** Returns the agent if the caller may change it: an agent may change only its descendants. Throws 403 or 404. */
export function requireDescendant({ self }: AgentAccess, agent: AgentDoc | null): AgentDoc {
  if (!agent) throw new PublicError('NOT_FOUND', 'Agent not found. Check the ID and the environment.');
  if (self !== null && !agent.ancestors.includes(self)) {
    throw new PublicError(
      'NOT_YOUR_DESCENDANT',
      'This agent is not a descendant of the calling agent. Use the partner key.',
    );
  }
  return agent;
}
