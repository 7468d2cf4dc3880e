import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { webhookAuth, webhookSchema } from './webhook-schema';

/** Handles `GET /partners/webhook`. */
export const getWebhookRoute = route({
  operationId: 'getWebhook',
  method: 'GET',
  path: '/partners/webhook',
  auth: { ...webhookAuth, availableWithoutRedis: true },
  tag: 'Linking',
  summary: 'Get the webhook endpoint',
  answers: { 200: { description: 'The webhook endpoint, without its secret', schema: webhookSchema } },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx: { store }, caller: { tenant } }) => {
    const webhook = await store.webhooks.get(tenant);
    if (!webhook)
      throw new PublicError('NOT_FOUND', 'No webhook endpoint is set. Set one with PUT /v1/partners/webhook.');
    return { status: 200, body: { url: webhook.url, createdAt: webhook.createdAt.toISOString() } };
  },
});
