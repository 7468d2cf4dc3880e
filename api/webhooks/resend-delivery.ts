import { z } from 'zod';
import { endpointRefOf } from '../../shared/domain/webhook';
import { wakeForAttempt } from '../../shared/webhooks/wake-deliveries';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { storeWrite } from '../db/transaction';
import { deliverySchema, presentDelivery } from './delivery-schemas';
import { findWebhook, requireEnabled } from './find-webhook';

const params = idParams.extend({
  deliveryId: z.string().min(1).max(100),
});

export const resendDeliveryRoute = route({
  operationId: 'resendWebhookDelivery',
  method: 'POST',
  path: '/webhooks/:id/deliveries/:deliveryId/resend',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false },
  tag: 'Webhooks',
  summary: 'Send a message again',
  description:
    'Sends the message to this endpoint with the same `webhook-id`, also if it was delivered. MIR retries as for a new message. Has no effect while MIR is sending the message.',
  params,
  query: noQuery,
  idempotencyKey: true,
  answers: { 202: { description: 'The delivery, which MIR attempts at once', schema: deliverySchema } },
  problems: ['NOT_FOUND', 'CONFLICT'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, caller, params: ids } = call;
    const { store, webhookQueue } = ctx;
    const { tenant } = caller;
    const webhook = await findWebhook(ctx, tenant, ids.id);
    const endpointId = endpointRefOf(tenant, webhook._id);
    const notFound = () => new PublicError('NOT_FOUND', 'Delivery not found. Check the IDs and the environment.');
    if (!(await store.deliveries.get(tenant, endpointId, ids.deliveryId))) throw notFound();
    requireEnabled(webhook);
    await storeWrite(store.deliveries.restart(tenant, endpointId, [ids.deliveryId], new Date()));
    const delivery = await store.deliveries.get(tenant, endpointId, ids.deliveryId);
    if (!delivery) throw notFound();
    // The row serves as the outbox, so a lost wake-up only delays the message.
    wakeForAttempt(webhookQueue, delivery).catch(() => undefined);
    return { status: 202, body: presentDelivery(delivery) };
  },
});
