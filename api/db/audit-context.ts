import { newId, type PartnerId, type Tenant, tenantOf } from '../../shared/domain/ids';
import type { Actor, NewAuditEntry } from '../../shared/store/audit';
import type { Caller } from '../http/route';

/** Who does something, in answer to which request, and when: every change is told to the audit with it. */
export interface AuditContext {
  actor: Actor;
  requestId: string;
  at: Date;
}

/** An operator's act through an admin route. */
export function auditContextForAdmin({ requestId }: { requestId: string }): AuditContext {
  return { actor: { kind: 'OPERATOR', via: 'ADMIN_API' }, requestId, at: new Date() };
}

/** The act of a caller with a key: the partner itself, or one of its agents. */
export function auditContextForCaller({ caller, requestId }: { caller: Caller; requestId: string }): AuditContext {
  const { agent, partnerId } = caller.admission.credential;
  const actor: Actor = agent ? { kind: 'AGENT', agentId: agent.agentId } : { kind: 'PARTNER', partnerId };
  return { actor, requestId, at: new Date() };
}

interface Facts {
  partnerId: PartnerId | null;
  /** Whose chain, where it is not the partner's live one. */
  tenant?: Tenant | null;
  action: string;
  target: string;
  reason?: string | null | undefined;
  before?: unknown;
  after?: unknown;
}

/** The audit entry of an act. `before` and `after` hold public facts only: never a key, a hash or contact data. */
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
