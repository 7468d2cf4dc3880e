import { z } from 'zod';
import { AI_MAX_EVENTS_PER_BATCH } from '../../shared/domain/agent';
import { MAX_EVENT_BYTES, MAX_EVENTS_PER_CALL, submittedEventSchema } from '../../shared/domain/event';
import { MAX_LISTED_ERRORS } from '../../shared/errors';
import type { RouteDoc } from '../http/route';

const singleReceipt = z
  .object({
    eventId: z.string(),
    receiptId: z.string(),
    status: z.literal('ACCEPTED'),
    receivedAt: z.iso.datetime(),
  })
  .meta({ id: 'EventReceipt' });

const batchReceipt = z
  .object({
    receiptId: z.string(),
    accepted: z.int(),
    rejected: z.int(),
    eventIds: z
      .array(z.string().nullable())
      .describe('Event IDs in the order in which the events were sent. Null for rejected events.'),
    errors: z
      .array(
        z
          .object({ index: z.int(), code: z.string(), path: z.string(), message: z.string() })
          .meta({ id: 'BatchError' }),
      )
      .describe(`At most ${MAX_LISTED_ERRORS}.`),
    errorsTruncated: z.literal(true).optional().describe('Set if there are more errors than `errors` lists.'),
    receivedAt: z.iso.datetime(),
  })
  .meta({ id: 'BatchReceipt' });

const ONE = {
  userExternalId: 'u-1',
  eventType: 'mir.transaction.completed',
  occurredAt: '2026-01-31T09:12:00.000Z',
  metadata: { orderId: 'o-4711' },
  idempotencyKey: 'order-4711-completed',
};
const OTHER = { userExternalId: 'u-2', eventType: 'mir.review.posted', idempotencyKey: 'review-815-posted' };
const EVENT_ID = 'evt_live_h3vQx8Yk2Lp6Rt9Wz4NbA7mTc';
const RECEIPT_ID = 'rcpt_live_c0miav3k7e5f0a1b2c3d4e5f60718.mi1a2b3c.1.0.1.Jm3vQx8Yk2Lp6Rt9Wz4NbA';
const RECEIVED_AT = '2026-01-31T09:30:00.000Z';

/** OpenAPI documentation of `POST /events`. */
export const submitEventsDoc: Omit<RouteDoc, 'auth'> = {
  operationId: 'submitEvents',
  method: 'POST',
  path: '/events',
  tag: 'Events',
  summary: 'Submit one event or a batch',
  description:
    `Accepts one event, \`{ "events": [ … ] }\`, or NDJSON (one event per line). A request may contain at most ${MAX_EVENTS_PER_CALL} events and 5 MiB after decompression. Each event may be up to ${MAX_EVENT_BYTES / 1024} KiB. You can compress the body with gzip. ` +
    'MIR accepts the valid events in a batch and lists the problems with the other events in `errors`. 202 means that the events are queued. Costs one unit of the events budget per event, or one unit per 32 KiB of the body, whichever is more. Rejected events also count. ' +
    `AI agents can send at most ${AI_MAX_EVENTS_PER_BATCH} events per batch, and each event needs an idempotency key. Agents can submit only event types on their allowlists.`,
  body: z.union([
    submittedEventSchema,
    z
      .strictObject({ events: z.array(submittedEventSchema).min(1).max(MAX_EVENTS_PER_CALL) })
      .meta({ id: 'EventBatch' }),
  ]),
  bodyExamples: {
    'One event': ONE,
    'A batch': { events: [ONE, OTHER] },
  },
  lines: { schema: submittedEventSchema, example: `${JSON.stringify(ONE)}\n${JSON.stringify(OTHER)}\n` },
  idempotencyKey: true,
  answers: {
    202: {
      description: 'The receipt for a single event or a batch',
      schema: z.union([singleReceipt, batchReceipt]),
      examples: {
        'One event': { eventId: EVENT_ID, receiptId: RECEIPT_ID, status: 'ACCEPTED', receivedAt: RECEIVED_AT },
        'A batch whose second event was rejected': {
          receiptId: RECEIPT_ID,
          accepted: 1,
          rejected: 1,
          eventIds: [EVENT_ID, null],
          errors: [
            {
              index: 1,
              code: 'UNKNOWN_EVENT_TYPE',
              path: 'eventType',
              message: 'mir.transaction.complete is not in the catalog. Did you mean mir.transaction.completed?',
            },
          ],
          receivedAt: RECEIVED_AT,
        },
      },
    },
  },
  problems: [
    'QUEUE_SHARE_EXCEEDED',
    'TOO_MANY_EVENTS',
    'BATCH_EXCEEDS_LIMIT',
    'BULK_LIMIT_EXCEEDED',
    'IDEMPOTENCY_KEY_INVALID',
    'IDEMPOTENCY_KEY_REUSED',
    'IDEMPOTENCY_KEY_REQUIRED',
    'EVENT_TYPE_NOT_ALLOWED',
    'ENTERPRISE_REQUIRED',
  ],
};
