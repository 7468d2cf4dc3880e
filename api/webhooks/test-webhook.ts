import { WEBHOOK_TEST_TYPE, webhookIdOf } from '../../shared/domain/webhook';
import { announceTo } from '../../shared/webhooks/announce';
import { wakeDeliveries } from '../../shared/webhooks/wake-deliveries';
import { transaction } from '../db/transaction';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { deliverySchema, presentDelivery } from './delivery-schemas';
import { findWebhook, requireEnabled } from './find-webhook';

export const testWebhookRoute = route({
  operationId: 'testWebhookEndpoint',
  method: 'POST',
  path: '/webhooks/:id/test',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false },
  tag: 'Webhooks',
  summary: 'Send a test message to a webhook endpoint',
  description:
    'Sends a `webhook.test` message, whatever the types of the endpoint. List the deliveries to see the result.',
  params: idParams,
  query: noQuery,
  idempotencyKey: true,
  answers: { 202: { description: 'The delivery, which MIR attempts at once', schema: deliverySchema } },
  problems: ['NOT_FOUND', 'CONFLICT'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, caller, params } = call;
    const { tenant } = caller;
    const delivery = await transaction(ctx, async (session) => {
      const webhook = await findWebhook(ctx, tenant, params.id, session);
      requireEnabled(webhook);
      const data = { webhookId: webhookIdOf(webhook._id) };
      return announceTo(ctx, webhook, { tenant, type: WEBHOOK_TEST_TYPE, data, at: new Date() }, session);
    });
    wakeDeliveries(ctx.webhookQueue, [delivery._id]);
    return { status: 202, body: presentDelivery(delivery) };
  },
});
