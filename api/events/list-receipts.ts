import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { RECEIPT_RETENTION_DAYS, RECEIPT_RETENTION_MS } from '../../shared/domain/receipt';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { payForRows } from '../http/price';
import { route } from '../http/route';
import { pageOfReceipts } from './page-of-receipts';
import { listedReceiptSchema } from './present-receipt';
import { visibleTo } from './visibility';

const time = z.iso.datetime({ offset: true });

/** Handles `GET /v1/events/receipts`. Lists the receipts that can be derived from the parts that workers wrote. */
export const listReceiptsRoute = route({
  operationId: 'listReceipts',
  method: 'GET',
  path: '/events/receipts',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'events:read',
    availableWithoutRedis: true,
    price: { rows: requestedRows, asRead: true },
  },
  tag: 'Events',
  summary: 'List receipts, most recently received first',
  description:
    `Lists the receipts of the last ${RECEIPT_RETENTION_DAYS} days without their \`items\`. A receipt appears once a worker has processed the first events of the submission. Submissions of which all events are still queued are not listed; get their receipts by ID. ` +
    'A batch of more than 500 events can be listed as `QUEUED` while its remaining events are being processed. Not listed: submissions whose queued data could not be read at all, and batches that an earlier version of MIR accepted or processed.',
  query: z.strictObject({
    ...pageQuery,
    status: z
      .enum(['DONE_WITH_FAILURES'])
      .optional()
      .describe('Return only receipts with this status. A page may then contain fewer than `limit` receipts.'),
    from: time.optional().describe('Return only receipts for events received at or after this time.'),
    to: time.optional().describe('Return only receipts for events received before this time.'),
  }),
  answers: {
    200: { description: 'A page of receipts', schema: pageSchema('ReceiptPage', listedReceiptSchema) },
  },
  problems: ['VALIDATION_FAILED'],
  handle: async ({ ctx, caller, query }) => {
    const { tenant, admission, charge } = caller;
    const agentId = await visibleTo(ctx, caller);
    const { secrets, longWork } = ctx;
    const keptFromMs = (admission.nowMs ?? Date.now()) - RECEIPT_RETENTION_MS;
    const filter = {
      fromMs: query.from === undefined ? keptFromMs : Math.max(keptFromMs, Date.parse(query.from)),
      toMs: query.to === undefined ? undefined : Date.parse(query.to),
      withFailures: query.status !== undefined,
      visibleTo: agentId,
    };
    const cursorOwner = `${tenant}|receipts|${query.status ?? ''}${agentId === undefined ? '' : `|${agentId}`}`;
    const after = readCursor(secrets.cursor, cursorOwner, query.cursor);
    const reader = ownerOf(tenant, admission.credential.agent?.agentId ?? null);
    const pay = payForRows(query.limit, charge);
    const page = await longWork.list(reader, () => pageOfReceipts(ctx, tenant, filter, after, query.limit, pay));
    return { status: 200, body: presentPage(secrets.cursor, cursorOwner, page, (receipt) => receipt) };
  },
});
