import { newId } from '../../shared/domain/ids';
import type { Actor, AuditDoc } from '../../shared/store/audit';

/** Who does something, in answer to which request, and when: every change is told to the audit with it. */
export interface Act {
  actor: Actor;
  requestId: string;
  at: Date;
}

/** An operator's act through an admin route. */
export function adminAct({ requestId }: { requestId: string }): Act {
  return { actor: { kind: 'OPERATOR', via: 'ADMIN_API' }, requestId, at: new Date() };
}

/** The audit entry of an act. `before` and `after` hold public facts only: never a key, a hash or contact data. */
export function auditEntry(
  { actor, requestId, at }: Act,
  {
    reason,
    ...facts
  }: Pick<AuditDoc, 'partnerId' | 'action' | 'target' | 'before' | 'after'> & {
    reason?: string | undefined;
  },
): AuditDoc {
  return { _id: newId('aud'), ...facts, ...(reason === undefined ? {} : { reason }), actor, requestId, at };
}
