import { z } from 'zod';
import { route } from '../http/route';
import { deadLetterParams, deadLetterSchema } from './dead-letter-schema';
import { showDeadLetter } from './dead-letters';

export const getDeadLetterRoute = route({
  operationId: 'getDeadLetter',
  method: 'GET',
  path: '/admin/dead-letters/:id',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Get a dead letter with its payload’s field names and types, but without any values',
  params: deadLetterParams,
  answers: {
    200: {
      description: 'The dead letter',
      schema: deadLetterSchema
        .extend({
          shape: z.unknown(),
          problems: z.array(z.object({ path: z.string(), message: z.string() }).meta({ id: 'PayloadProblem' })),
        })
        .meta({ id: 'DeadLetterDetail' }),
    },
  },
  problems: ['NOT_FOUND', 'OVERLOADED'],
  handle: async ({ ctx, params: { id } }) => ({ status: 200, body: await showDeadLetter(ctx, id) }),
});
