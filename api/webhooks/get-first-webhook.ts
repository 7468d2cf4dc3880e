import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { DEPRECATION, firstWebhookAuth, firstWebhookSchema } from './first-webhook-schema';

/** Handles `GET /partners/webhook`. */
export const getFirstWebhookRoute = route({
  operationId: 'getWebhook',
  method: 'GET',
  path: '/partners/webhook',
  deprecated: true,
  auth: { ...firstWebhookAuth, availableWithoutRedis: true },
  tag: 'Webhooks',
  summary: 'Get the first webhook endpoint',
  description: DEPRECATION,
  answers: { 200: { description: 'The webhook endpoint, without its secret', schema: firstWebhookSchema } },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx: { store }, caller: { tenant } }) => {
    const [webhook] = await store.webhooks.ofTenant(tenant);
    if (!webhook) throw new PublicError('NOT_FOUND', 'No webhook endpoint is set. Create one with POST /v1/webhooks.');
    const { url, createdAt, setAt = createdAt } = webhook;
    return { status: 200, body: { url, createdAt: setAt.toISOString() } };
  },
});
