import { z } from 'zod';
import { auditContextForOperator } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { deadLetterParams } from './dead-letter-schema';
import { dropDeadLetter } from './dead-letters';

export const deleteDeadLetterRoute = route({
  operationId: 'deleteDeadLetter',
  method: 'DELETE',
  path: '/admin/dead-letters/:id',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Permanently delete a dead letter',
  params: deadLetterParams,
  query: noQuery,
  answers: {
    200: {
      description: 'The dead letter was deleted. Its events stay FAILED in the receipt.',
      schema: z.object({ id: z.string(), status: z.literal('DROPPED') }).meta({ id: 'DroppedDeadLetter' }),
    },
  },
  problems: ['NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params: { id }, requestId, operator }) => ({
    status: 200,
    body: await dropDeadLetter(ctx, id, auditContextForOperator({ operator, requestId })),
  }),
});
