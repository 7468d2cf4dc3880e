import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { atLeastOne, idParams } from '../http/schemas';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { changeWebhook } from './change-webhook';
import { requireSendableUrl } from './webhook-url';
import { presentWebhook, typesInput, urlInput, webhookSchema } from './webhook-schemas';

const FIELDS = ['url', 'types', 'enabled'] as const;

const updateWebhookInput = z
  .strictObject({
    url: urlInput.optional(),
    types: typesInput.nullable().optional().describe('Use null for all types, including those added later.'),
    enabled: z
      .boolean()
      .optional()
      .describe('Messages that arise while the endpoint is disabled are kept, so that you can recover them.'),
  })
  .refine((body) => FIELDS.some((field) => body[field] !== undefined), {
    message: `Set at least one of ${FIELDS.join(', ')}.`,
  })
  .meta({ id: 'UpdateWebhookEndpointRequest', ...atLeastOne(FIELDS) });

/** Returns the fields to set and to remove so that the endpoint is enabled or disabled. */
function switchTo(
  enabled: boolean | undefined,
  { disabledAt }: WebhookDoc,
  now: Date,
): { set: Partial<WebhookDoc>; unset: (keyof WebhookDoc)[] } {
  if (enabled === undefined || enabled === (disabledAt === undefined)) return { set: {}, unset: [] };
  if (enabled) return { set: {}, unset: ['disabledAt', 'disabledReason', 'failingSince'] };
  return { set: { disabledAt: now, disabledReason: 'REQUESTED' }, unset: ['recovery'] };
}

export const updateWebhookRoute = route({
  operationId: 'updateWebhookEndpoint',
  method: 'PATCH',
  path: '/webhooks/:id',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false },
  tag: 'Webhooks',
  summary: 'Change, enable or disable a webhook endpoint',
  description: 'Also applies to messages that are waiting for a retry. Disabling an endpoint ends its recovery.',
  params: idParams,
  query: noQuery,
  body: updateWebhookInput,
  answers: { 200: { description: 'The endpoint, without its secret', schema: webhookSchema } },
  problems: ['NOT_FOUND', 'WEBHOOK_URL_NOT_ALLOWED'],
  handle: async (call) => {
    const { ctx, body } = call;
    const { url, types, enabled } = body;
    if (url !== undefined) requireSendableUrl(url, ctx.config.webhooksToPrivateAddresses);
    const changed = await changeWebhook(ctx, call, (webhook, now) => {
      const { set, unset } = switchTo(enabled, webhook, now);
      const named = { ...(url !== undefined && { url }), ...(types !== undefined && { types }) };
      const after = { ...named, ...(enabled !== undefined && { enabled }) };
      return { set: { ...set, ...named }, unset, action: 'webhook.updated', after };
    });
    return { status: 200, body: presentWebhook(changed, new Date()) };
  },
});
