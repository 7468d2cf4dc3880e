import { z } from 'zod';
import { pageQuery, pageSchema } from '../http/paging';
import { route } from '../http/route';
import { deadLetterQueueSchema, deadLetterSchema } from './dead-letter-schema';
import { listDeadLetters } from './dead-letters';

export const listDeadLettersRoute = route({
  operationId: 'listDeadLetters',
  method: 'GET',
  path: '/admin/dead-letters',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'List dead letters, newest first',
  query: z.strictObject({ ...pageQuery, queue: deadLetterQueueSchema.optional() }),
  answers: {
    200: {
      description: 'A page of dead letters, without payloads',
      schema: pageSchema('DeadLetterPage', deadLetterSchema),
    },
  },
  problems: ['VALIDATION_FAILED', 'OVERLOADED'],
  handle: async ({ ctx, query }) => ({ status: 200, body: await listDeadLetters(ctx, query) }),
});
