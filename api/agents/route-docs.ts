import type { ProblemCode } from '../../shared/errors';

/** Problems that every route that changes an agent may return. */
export const changeProblems: readonly ProblemCode[] = [
  'IDEMPOTENCY_KEY_REQUIRED',
  'NOT_YOUR_DESCENDANT',
  'NOT_FOUND',
  'AGENT_REVOKED',
  'AGENT_STATE',
  'CONFLICT',
];
