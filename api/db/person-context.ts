import type { AuditContext } from './audit-context';

/** Returns the audit context of a person's action on a page. The context does not identify the person. */
export function auditContextForPerson(requestId: string): AuditContext {
  return { actor: { kind: 'IDENTITY' }, requestId, at: new Date() };
}
