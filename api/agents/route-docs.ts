import type { ProblemCode } from '../../shared/errors';

/** What every change of one agent may answer. */
export const changeProblems: readonly ProblemCode[] = [
  'IDEMPOTENCY_KEY_REQUIRED',
  'NOT_YOUR_DESCENDANT',
  'NOT_FOUND',
  'AGENT_REVOKED',
  'AGENT_STATE',
  'CONFLICT',
];
