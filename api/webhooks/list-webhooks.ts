import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { presentWebhook, webhookSchema } from './webhook-schemas';

export const listWebhooksRoute = route({
  operationId: 'listWebhookEndpoints',
  method: 'GET',
  path: '/webhooks',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', memberScope: 'webhooks:read', availableWithoutRedis: true },
  tag: 'Webhooks',
  summary: 'List your webhook endpoints in this environment',
  query: noQuery,
  answers: {
    200: {
      description: 'The endpoints, oldest first, without their secrets',
      schema: z
        .object({ data: z.array(webhookSchema), nextCursor: z.null().describe('All endpoints fit on one page.') })
        .meta({ id: 'WebhookEndpointPage' }),
    },
  },
  problems: [],
  handle: async ({ ctx: { store }, caller: { tenant } }) => {
    const now = new Date();
    const webhooks = await store.webhooks.ofTenant(tenant);
    return { status: 200, body: { data: webhooks.map((one) => presentWebhook(one, now)), nextCursor: null } };
  },
});
