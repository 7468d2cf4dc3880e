import { z } from 'zod';
import { auditContextForOperator } from '../db/audit-context';
import { route } from '../http/route';
import { deadLetterParams } from './dead-letter-schema';
import { replayDeadLetter } from './dead-letters';

export const replayDeadLetterRoute = route({
  operationId: 'replayDeadLetter',
  method: 'POST',
  path: '/admin/dead-letters/:id/replay',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Requeue a dead letter; has no effect if it is already queued',
  params: deadLetterParams,
  answers: {
    202: {
      description: 'Queued',
      schema: z.object({ id: z.string(), status: z.literal('QUEUED') }).meta({ id: 'ReplayedDeadLetter' }),
    },
  },
  problems: ['NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params: { id }, requestId, operator }) => ({
    status: 202,
    body: await replayDeadLetter(ctx, id, auditContextForOperator({ operator, requestId })),
  }),
});
