import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import { DELIVERY_RETENTION_DAYS, DELIVERY_RETENTION_MS, endpointRefOf } from '../../shared/domain/webhook';
import { openStatusOf } from '../../shared/store/deliveries';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { DELIVERY_STATUSES, deliverySchema, presentDelivery } from './delivery-schemas';
import { findWebhook } from './find-webhook';

export const listDeliveriesRoute = route({
  operationId: 'listWebhookDeliveries',
  method: 'GET',
  path: '/webhooks/:id/deliveries',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'webhooks:manage',
    memberScope: 'webhooks:read',
    availableWithoutRedis: true,
    price: { rows: requestedRows },
  },
  tag: 'Webhooks',
  summary: 'List the deliveries to a webhook endpoint, newest first',
  description: `Lists the messages of the last ${DELIVERY_RETENTION_DAYS} days with every attempt to deliver them, but without their content.`,
  params: idParams,
  query: z.strictObject({
    ...pageQuery,
    status: z.enum(DELIVERY_STATUSES).optional().describe('Return only deliveries with this status.'),
  }),
  answers: { 200: { description: 'A page of deliveries', schema: pageSchema('WebhookDeliveryPage', deliverySchema) } },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, caller: { tenant, admission }, params, query }) => {
    const { store, secrets, longWork } = ctx;
    const { _id } = await findWebhook(ctx, tenant, params.id);
    const endpointId = endpointRefOf(tenant, _id);
    const cursorOwner = `${tenant}|deliveries|${_id}|${query.status ?? ''}`;
    const after = readCursor(secrets.cursor, cursorOwner, query.cursor);
    const status = query.status === 'PENDING' ? openStatusOf(endpointId) : query.status;
    const fromMs = Date.now() - DELIVERY_RETENTION_MS;
    const reader = ownerOf(tenant, admission.credential.agent?.agentId ?? null);
    const page = await longWork.list(reader, () =>
      store.deliveries.list(tenant, endpointId, { status, fromMs }, after, query.limit),
    );
    return { status: 200, body: presentPage(secrets.cursor, cursorOwner, page, presentDelivery) };
  },
});
