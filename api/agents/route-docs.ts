import { z } from 'zod';
import type { ProblemCode } from '../../shared/errors';
import { idempotencyHeader as keyHeader } from '../http/idempotency-key';

/** The agent in a path. */
export const agentParams = z.strictObject({ id: z.string().min(1).max(100) });

/** The header that AI agents send with every write. */
export const optionalIdempotencyHeader = [
  keyHeader('A quoted string or a bare token, at most 255 characters. Required of AI agents.'),
];

/** What every change of one agent may answer. */
export const changeProblems: readonly ProblemCode[] = [
  'IDEMPOTENCY_KEY_REQUIRED',
  'NOT_YOUR_DESCENDANT',
  'NOT_FOUND',
  'AGENT_REVOKED',
  'AGENT_STATE',
  'CONFLICT',
];
