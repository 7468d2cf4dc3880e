import type { AuditContext } from './audit-context';

/** What a person does through a page. The audit does not name them. */
export function auditContextForPerson(requestId: string): AuditContext {
  return { actor: { kind: 'IDENTITY' }, requestId, at: new Date() };
}
