import { z } from 'zod';
import { MAX_URL_LENGTH } from '../http/lengths';
import { MAX_OPEN_DELIVERIES, WEBHOOK_TYPES, webhookIdOf } from '../../shared/domain/webhook';
import { typesOf, type WebhookDoc } from '../../shared/store/webhooks';

export const EXAMPLE_URL = 'https://harbour.example/hooks/mir';
export const EXAMPLE_WEBHOOK_ID = 'whk_3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c';

const time = z.iso.datetime();

export const urlInput = z
  .string()
  .max(MAX_URL_LENGTH)
  .check(z.url({ protocol: /^https?$/ }))
  .meta({ examples: [EXAMPLE_URL], pattern: '^https://[^@#/?]+([/?][^#]*)?$' })
  .describe('An HTTPS URL with a public address, without credentials or a fragment.');

export const typesInput = z
  .array(z.enum(WEBHOOK_TYPES).meta({ id: 'WebhookType' }))
  .min(1)
  .overwrite((types) => [...new Set(types)])
  .meta({ examples: [['link.confirmed', 'link.removed']] });

/** An endpoint, without its secrets. */
export const webhookSchema = z
  .object({
    webhookId: z.string().meta({ examples: [EXAMPLE_WEBHOOK_ID] }),
    url: z.url().meta({ examples: [EXAMPLE_URL] }),
    types: z
      .array(z.string())
      .nullable()
      .describe('Types of the messages that the endpoint receives. Null for all types.')
      .meta({ examples: [['link.confirmed', 'link.removed']] }),
    enabled: z.boolean(),
    disabledAt: time.nullable(),
    disabledReason: z
      .enum(['REQUESTED', 'FAILING'])
      .nullable()
      .describe('`FAILING` if MIR disabled the endpoint, because every attempt failed for a day.'),
    failingSince: time.nullable().describe('When attempts began to fail. Null if the last attempt succeeded.'),
    recovery: z
      .object({ since: time, requestedAt: time })
      .meta({ id: 'WebhookRecovery' })
      .nullable()
      .describe(
        `Set while MIR sends missed messages again. At most about ${MAX_OPEN_DELIVERIES} deliveries of an endpoint are unfinished at a time.`,
      ),
    previousSecretsValidUntil: time.nullable().describe('Until then, messages are also signed with a previous secret.'),
    createdAt: time,
  })
  .meta({ id: 'WebhookEndpoint' });
export type PresentedWebhook = z.output<typeof webhookSchema>;

export const issuedWebhookSchema = webhookSchema
  .extend({ secret: z.string().describe('Shown only once.') })
  .meta({ id: 'IssuedWebhookEndpoint' });

/** Presents an endpoint to its partner. */
export function presentWebhook(webhook: WebhookDoc, now: Date): z.input<typeof webhookSchema> {
  const { _id, url, disabledAt, disabledReason, failingSince, recovery, previousSecrets = [], createdAt } = webhook;
  const types = typesOf(webhook);
  const validUntil = previousSecrets.map((one) => one.validUntil.getTime()).filter((atMs) => atMs > now.getTime());
  return {
    webhookId: webhookIdOf(_id),
    url,
    types: types && [...types],
    enabled: disabledAt === undefined,
    disabledAt: disabledAt?.toISOString() ?? null,
    disabledReason: disabledReason ?? null,
    failingSince: failingSince?.toISOString() ?? null,
    recovery: recovery ? { since: recovery.since.toISOString(), requestedAt: recovery.until.toISOString() } : null,
    previousSecretsValidUntil: validUntil.length > 0 ? new Date(Math.max(...validUntil)).toISOString() : null,
    createdAt: createdAt.toISOString(),
  };
}
