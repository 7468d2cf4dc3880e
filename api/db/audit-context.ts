import { newId, type PartnerId, type Tenant, tenantOf } from '../../shared/domain/ids';
import type { Actor, NewAuditEntry, OperatorActor } from '../../shared/store/audit';
import type { Caller } from '../http/route';

/** Who makes a change, in which request, and when. Part of the change's audit entry. */
export interface AuditContext {
  actor: Actor;
  requestId: string;
  at: Date;
}

/** Returns the context of an operator's action through the admin API or in the console. */
export function auditContextForOperator({
  operator,
  requestId,
}: {
  operator: OperatorActor;
  requestId: string;
}): AuditContext {
  return { actor: operator, requestId, at: new Date() };
}

/** Returns the context of an action by the holder of an API key: the partner itself, one of its agents or one of its members. */
export function auditContextForCaller({ caller, requestId }: { caller: Caller; requestId: string }): AuditContext {
  const { agent, member, partnerId, keyId } = caller.admission.credential;
  const actor = (): Actor => {
    if (agent) return { kind: 'AGENT', agentId: agent.agentId };
    if (member) return { kind: 'MEMBER', memberId: member.memberId, name: member.name };
    return { kind: 'PARTNER', partnerId, ...(keyId === undefined ? {} : { keyId }) };
  };
  return { actor: actor(), requestId, at: new Date() };
}

interface Facts {
  partnerId: PartnerId | null;
  /** Tenant whose chain contains the entry. Defaults to the partner's live environment. */
  tenant?: Tenant | null;
  action: string;
  target: string;
  reason?: string | null | undefined;
  before?: unknown;
  after?: unknown;
}

/** Builds the audit entry for an action. `before` and `after` must not contain a key, a hash or contact data. */
export function auditEntry(
  { actor, requestId, at }: AuditContext,
  { partnerId, tenant, action, target, reason, before, after }: Facts,
): NewAuditEntry {
  return {
    _id: newId('aud'),
    chain: tenant ?? (partnerId ? tenantOf(partnerId, 'live') : 'registry'),
    partnerId,
    action,
    target,
    actor,
    reason: reason ?? null,
    requestId,
    cascadeId: null,
    before: before ?? null,
    after: after ?? null,
    at,
  };
}
