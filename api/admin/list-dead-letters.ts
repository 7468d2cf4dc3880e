import { z } from 'zod';
import { DEAD_LETTER_QUEUES } from '../../shared/queue/queues';
import { pageQuery } from '../http/paging';
import { route } from '../http/route';
import { deadLetterSchema } from './dead-letter-schema';
import { listDeadLetters } from './dead-letters';

/** `GET /admin/dead-letters`. */
export const listDeadLettersRoute = route({
  method: 'GET',
  path: '/admin/dead-letters',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'List dead letters, newest first',
  query: z.strictObject({ ...pageQuery, queue: z.enum(DEAD_LETTER_QUEUES).optional() }),
  answers: {
    200: {
      description: 'A page of dead letters, without payloads',
      schema: z.object({ data: z.array(deadLetterSchema), nextCursor: z.string().nullable() }),
    },
  },
  problems: ['VALIDATION_FAILED', 'OVERLOADED'],
  handle: async ({ ctx, query }) => ({ status: 200, body: await listDeadLetters(ctx, query) }),
});
