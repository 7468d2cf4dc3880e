import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { userExternalIdSchema } from '../../shared/domain/event';
import { chunkIdsOf, readReceipt } from '../../shared/domain/receipt';
import type { EventsFilter } from '../../shared/store/events';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { payForRows } from '../http/price';
import { route } from '../http/route';
import { eventSchema, presentEvent } from './present-event';
import { visibleTo } from './visibility';

const time = z.iso.datetime({ offset: true });

/** Handles `GET /events`. Returns the tenant's own events, most recently received first. */
export const listEventsRoute = route({
  operationId: 'listEvents',
  method: 'GET',
  path: '/events',
  auth: {
    kind: 'key',
    scope: 'events:read',
    availableWithoutRedis: true,
    price: { rows: requestedRows, asRead: true },
  },
  tag: 'Events',
  summary: 'List events, most recently received first',
  description:
    'An agent sees all of its partner’s events, or only its own and those of its descendants, as the spawn policy says. If you combine filters, a page may contain fewer than `limit` events; continue until `nextCursor` is null.',
  query: z.strictObject({
    ...pageQuery,
    userExternalId: userExternalIdSchema.optional(),
    eventType: z.string().max(100).optional(),
    agentId: z.string().max(100).optional(),
    receiptId: z.string().max(200).optional(),
    from: time.optional().describe('Return only events received at or after this time.'),
    to: time.optional().describe('Return only events received before this time.'),
  }),
  answers: {
    200: {
      description: 'A page of events',
      schema: pageSchema('EventPage', eventSchema),
    },
  },
  problems: ['VALIDATION_FAILED'],
  handle: async ({ ctx, caller, query }) => {
    const { store, secrets, longWork } = ctx;
    const { tenant, admission, charge } = caller;
    const filter: EventsFilter = { visibleTo: await visibleTo(ctx, caller) };
    if (query.userExternalId !== undefined) filter.userRef = secrets.userRef(tenant, query.userExternalId);
    if (query.eventType !== undefined) filter.eventType = query.eventType;
    if (query.agentId !== undefined) filter.agentId = query.agentId;
    if (query.from !== undefined) filter.fromMs = Date.parse(query.from);
    if (query.to !== undefined) filter.toMs = Date.parse(query.to);
    if (query.receiptId !== undefined) {
      const facts = readReceipt(secrets.receipt, tenant, query.receiptId);
      if (!facts) return { status: 200, body: { data: [], nextCursor: null } };
      filter.receipt = { chunkIds: chunkIdsOf(facts), slot: facts.slot, receivedAtMs: facts.receivedAtMs };
    }
    const owner = ownerOf(tenant, admission.credential.agent?.agentId ?? null);
    const after = readCursor(secrets.cursor, tenant, query.cursor);
    const pay = payForRows(query.limit, charge);
    const page = await longWork.list(owner, () => store.events.list(tenant, filter, after, query.limit, pay));
    const body = presentPage(secrets.cursor, tenant, page, (row) => presentEvent(row, query.userExternalId));
    return { status: 200, body };
  },
});
