import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { findWebhook } from './find-webhook';
import { presentWebhook, webhookSchema } from './webhook-schemas';

export const getWebhookRoute = route({
  operationId: 'getWebhookEndpoint',
  method: 'GET',
  path: '/webhooks/:id',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', memberScope: 'webhooks:read', availableWithoutRedis: true },
  tag: 'Webhooks',
  summary: 'Get a webhook endpoint',
  params: idParams,
  query: noQuery,
  answers: { 200: { description: 'The endpoint, without its secret', schema: webhookSchema } },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, caller, params }) => ({
    status: 200,
    body: presentWebhook(await findWebhook(ctx, caller.tenant, params.id), new Date()),
  }),
});
