import type { Act } from './audit-context';

/** What a person does through a page. The audit does not name them. */
export function personsAct(requestId: string): Act {
  return { actor: { kind: 'IDENTITY' }, requestId, at: new Date() };
}
