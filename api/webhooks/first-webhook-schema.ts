import { z } from 'zod';
import { EXAMPLE_URL } from './webhook-schemas';

/** The first endpoint as `/partners/webhook` returns it, without its secret. */
export const firstWebhookSchema = z
  .object({ url: z.url().meta({ examples: [EXAMPLE_URL] }), createdAt: z.iso.datetime() })
  .meta({ id: 'Webhook' });

export const firstWebhookAuth = {
  kind: 'key',
  scope: 'links:write',
  partnerScope: 'webhooks:manage',
  availableWithoutRedis: false,
} as const;

/** What the descriptions of the deprecated routes say. */
export const DEPRECATION = 'An alias of your first webhook endpoint. Use the routes under `/v1/webhooks` instead.';
