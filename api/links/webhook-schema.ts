import { z } from 'zod';

export const EXAMPLE_URL = 'https://harbour.example/hooks/mir';
/** A webhook endpoint as the API returns it, without its secret. */
export const webhookSchema = z
  .object({ url: z.url().meta({ examples: [EXAMPLE_URL] }), createdAt: z.iso.datetime() })
  .meta({ id: 'Webhook' });
export const webhookAuth = {
  kind: 'key',
  scope: 'links:write',
  partnerScope: 'webhooks:manage',
  availableWithoutRedis: false,
} as const;
