import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { REJECTED_EVENTS_RETENTION_DAYS, REJECTED_EVENTS_RETENTION_MS } from '../../shared/domain/rejected-event';
import { MAX_ROWS_AT_ONCE, MAX_ROWS_PER_MINUTE } from '../../shared/rejections/record-rejections';
import type { RejectedEventDoc } from '../../shared/store/rejected-events';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { route } from '../http/route';
import { visibleTo } from './visibility';

const time = z.iso.datetime({ offset: true });

export const rejectedEventSchema = z
  .object({
    rejectedAt: z.iso.datetime(),
    requestId: z.string(),
    index: z.int().describe('Position of the event in its batch, starting at 0. 0 for a single event.'),
    code: z.string(),
    path: z
      .string()
      .describe(
        'Field of the event. Empty if the problem concerns the entire event or a field that MIR does not know.',
      ),
    eventType: z.string().nullable().describe('Null unless the event had a type of the form mir.<category>.<action>.'),
    agentId: z.string().nullable(),
  })
  .meta({ id: 'RejectedEvent' });

function presentRejectedEvent(doc: RejectedEventDoc): z.input<typeof rejectedEventSchema> {
  const { rejectedAt, requestId, index, code, path, eventType, agentId } = doc;
  return { rejectedAt: rejectedAt.toISOString(), requestId, index, code, path, eventType, agentId };
}

/** Handles `GET /v1/rejected-events`. */
export const listRejectedEventsRoute = route({
  operationId: 'listRejectedEvents',
  method: 'GET',
  path: '/rejected-events',
  v1Only: true,
  auth: { kind: 'key', scope: 'events:read', availableWithoutRedis: true, price: { rows: requestedRows } },
  tag: 'Events',
  summary: 'List why events were rejected, newest first',
  description:
    `Lists the problems of events that \`POST /v1/events\` rejected in the last ${REJECTED_EVENTS_RETENTION_DAYS} days, one per entry, without what the events contained. An entry appears a few seconds after the request. ` +
    `MIR records up to ${MAX_ROWS_AT_ONCE} problems at once and then ${MAX_ROWS_PER_MINUTE} per minute, in each API process. \`omitted\` is the number of further problems. ` +
    'Requests that were rejected as a whole, for example because of an invalid API key, a rate limit or malformed JSON, are not included. If the spawn policy limits what agents can read, an agent sees only its own rejected events. Events that failed after they were accepted are in their receipts.',
  query: z.strictObject({
    ...pageQuery,
    code: z.string().max(100).optional().describe('Return only problems with this code.'),
    requestId: z
      .string()
      .max(128)
      .optional()
      .describe('Return only problems of this request, as in its `X-Request-Id`.'),
    from: time.optional().describe('Return only problems of requests at or after this time.'),
    to: time.optional().describe('Return only problems of requests before this time.'),
  }),
  answers: {
    200: {
      description: 'A page of problems',
      schema: pageSchema('RejectedEventPage', rejectedEventSchema, {
        omitted: z
          .int()
          .describe('Number of problems since the start of the first of these days (UTC) that MIR did not record.'),
      }),
    },
  },
  problems: ['VALIDATION_FAILED'],
  handle: async ({ ctx, caller, query }) => {
    const { store, secrets, longWork } = ctx;
    const { tenant, admission } = caller;
    const now = new Date(admission.nowMs ?? Date.now());
    const keptFromMs = now.getTime() - REJECTED_EVENTS_RETENTION_MS;
    const filter = {
      code: query.code,
      requestId: query.requestId,
      agentId: await visibleTo(ctx, caller),
      fromMs: query.from === undefined ? keptFromMs : Math.max(keptFromMs, Date.parse(query.from)),
      toMs: query.to === undefined ? undefined : Date.parse(query.to),
    };
    const cursorOwner = `${tenant}|rejected-events`;
    const after = readCursor(secrets.cursor, cursorOwner, query.cursor);
    const reader = ownerOf(tenant, admission.credential.agent?.agentId ?? null);
    const [page, omitted] = await longWork.list(reader, () =>
      Promise.all([
        store.rejectedEvents.list(tenant, filter, after, query.limit),
        store.omittedRejections.count(tenant, now),
      ]),
    );
    const body = { ...presentPage(secrets.cursor, cursorOwner, page, presentRejectedEvent), omitted };
    return { status: 200, body };
  },
});
