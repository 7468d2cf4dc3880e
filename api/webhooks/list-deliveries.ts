import { z } from 'zod';
import { ownerOf } from '../../shared/concurrency/long-work';
import type { Tenant } from '../../shared/domain/ids';
import { DELIVERY_RETENTION_DAYS, DELIVERY_RETENTION_MS, endpointRefOf } from '../../shared/domain/webhook';
import { openStatusOf } from '../../shared/store/deliveries';
import type { WebhookDoc } from '../../shared/store/webhooks';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { DELIVERY_STATUSES, deliverySchema, presentDelivery } from './delivery-schemas';
import { findWebhook } from './find-webhook';

interface DeliveryQuery {
  status?: (typeof DELIVERY_STATUSES)[number] | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** Returns a page of an endpoint's deliveries, newest first. */
export async function pageOfDeliveries(
  { store, secrets }: Pick<ApiContext, 'store' | 'secrets'>,
  tenant: Tenant,
  { _id }: Pick<WebhookDoc, '_id'>,
  { status: shown, limit, cursor }: DeliveryQuery,
): Promise<{ data: z.input<typeof deliverySchema>[]; nextCursor: string | null }> {
  const endpointId = endpointRefOf(tenant, _id);
  const cursorOwner = `${tenant}|deliveries|${_id}|${shown ?? ''}`;
  const after = readCursor(secrets.cursor, cursorOwner, cursor);
  const status = shown === 'PENDING' ? openStatusOf(endpointId) : shown;
  const fromMs = Date.now() - DELIVERY_RETENTION_MS;
  const page = await store.deliveries.list(tenant, endpointId, { status, fromMs }, after, limit);
  return presentPage(secrets.cursor, cursorOwner, page, presentDelivery);
}

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
    const webhook = await findWebhook(ctx, tenant, params.id);
    const reader = ownerOf(tenant, admission.credential.agent?.agentId ?? null);
    const body = await ctx.longWork.list(reader, () => pageOfDeliveries(ctx, tenant, webhook, query));
    return { status: 200, body };
  },
});
