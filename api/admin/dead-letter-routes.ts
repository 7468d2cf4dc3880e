import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { pageQuery } from '../http/paging';
import { type Route, route } from '../http/route';
import { auditContextForAdmin } from '../db/audit-context';
import { DEAD_LETTER_QUEUES } from '../../shared/queue/jobs';
import { dropDeadLetter, listDeadLetters, replayDeadLetter, showDeadLetter } from './dead-letters';

const params = z.strictObject({ id: z.string().min(1).max(200) });

const deadLetterSchema = z.object({
  id: z.string(),
  queue: z.enum(DEAD_LETTER_QUEUES),
  partnerId: z.string().nullable(),
  env: z.enum(['live', 'test']).nullable(),
  events: z.number().int().nullable(),
  receivedAt: z.iso.datetime().nullable(),
  failedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().describe('From then on it may be deleted for its age.'),
  attempts: z.number().int(),
  failedReason: z
    .string()
    .describe(
      'A code and what it means. The words of a store or a driver are in the worker’s log, under the job’s id.',
    ),
});

const list = route({
  method: 'GET',
  path: '/admin/dead-letters',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'List jobs that workers gave up, newest first',
  query: z.strictObject({ ...pageQuery, queue: z.enum(DEAD_LETTER_QUEUES).optional() }),
  answers: {
    200: {
      description: 'A page of dead letters, without their payload',
      schema: z.object({ data: z.array(deadLetterSchema), nextCursor: z.string().nullable() }),
    },
  },
  problems: ['VALIDATION_FAILED', 'OVERLOADED'],
  handle: async ({ ctx, query }) => ({ status: 200, body: await listDeadLetters(ctx, query) }),
});

const show = route({
  method: 'GET',
  path: '/admin/dead-letters/:id',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Read a dead letter: its fields and types, without any value',
  params,
  answers: {
    200: {
      description: 'The dead letter',
      schema: deadLetterSchema.extend({
        shape: z.unknown(),
        problems: z.array(z.object({ path: z.string(), message: z.string() })),
      }),
    },
  },
  problems: ['NOT_FOUND', 'OVERLOADED'],
  handle: async ({ ctx, params: { id } }) => ({ status: 200, body: await showDeadLetter(ctx, id) }),
});

const replay = route({
  method: 'POST',
  path: '/admin/dead-letters/:id/replay',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Queue a dead letter again; one that is queued already stays as it is',
  params,
  answers: {
    202: { description: 'Queued again', schema: z.object({ id: z.string(), status: z.literal('QUEUED') }) },
  },
  problems: ['NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params: { id }, requestId }) => ({
    status: 202,
    body: await replayDeadLetter(ctx, id, auditContextForAdmin({ requestId })),
  }),
});

const drop = route({
  method: 'DELETE',
  path: '/admin/dead-letters/:id',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Delete a dead letter for good',
  params,
  query: noQuery,
  answers: {
    200: {
      description: 'Deleted; its receipt still says FAILED',
      schema: z.object({ id: z.string(), status: z.literal('DROPPED') }),
    },
  },
  problems: ['NOT_FOUND', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params: { id }, requestId }) => ({
    status: 200,
    body: await dropDeadLetter(ctx, id, auditContextForAdmin({ requestId })),
  }),
});

/** Dead letters of all queues that keep them, for operators. */
export const DEAD_LETTER_ROUTES: readonly Route[] = [list, show, replay, drop];
