import { z } from 'zod';
import type { Components } from './components';
import type { Json } from './example-of';

const LINK = {
  linkId: z.string().meta({ examples: ['lnk_5d0c1f0a9b8e4c7d8a6f3e2b1c0d9e8f'] }),
  inviteId: z
    .string()
    .meta({ examples: ['inv_0a1b2c3d4e5f60718293a4b5c6d7e8f9'] })
    .describe('The invitation or link code that created the link.'),
  userRef: z.string().describe('The `userRef` that MIR returned with the invitation or link code.'),
  linkedAt: z.iso.datetime(),
};

const messageOf = <Type extends string>(id: string, type: Type, data: z.ZodType) =>
  z.strictObject({ type: z.literal(type), timestamp: z.iso.datetime(), data }).meta({ id });

/** Webhook messages by type. */
export const WEBHOOK_MESSAGES: Record<string, { operationId: string; summary: string; schema: z.ZodType }> = {
  'link.confirmed': {
    operationId: 'linkConfirmed',
    summary: 'A person connected their account',
    schema: messageOf('LinkConfirmedMessage', 'link.confirmed', z.strictObject(LINK).meta({ id: 'ConfirmedLink' })),
  },
  'link.removed': {
    operationId: 'linkRemoved',
    summary: 'A link was removed',
    schema: messageOf(
      'LinkRemovedMessage',
      'link.removed',
      z
        .strictObject({
          ...LINK,
          removedAt: z.iso.datetime().describe('Rounded to the day if the MIR account was deleted.'),
          reason: z.enum(['UNLINKED', 'IDENTITY_DELETED', 'USER_ERASED']),
        })
        .meta({ id: 'RemovedLink' }),
    ),
  },
};

const headerParameter = (name: string, description: string, example: string): Json => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
  example,
});

/** Headers defined by Standard Webhooks, by component name. */
const HEADERS: Record<string, Json> = {
  WebhookId: headerParameter(
    'webhook-id',
    'Message ID. Retries have the same ID.',
    'msg_1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f',
  ),
  WebhookTimestamp: headerParameter('webhook-timestamp', 'Unix time of this attempt, in seconds.', '1769851800'),
  WebhookSignature: headerParameter(
    'webhook-signature',
    '`v1,` followed by the base64-encoded HMAC-SHA256 signature created with your secret. Multiple signatures are separated by spaces.',
    'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
  ),
};

export const WEBHOOK_SECURITY = {
  webhookSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-signature',
    description:
      'MIR signs each message with your endpoint’s secret, as specified by [Standard Webhooks](https://www.standardwebhooks.com). Verify the signature before you trust a message.',
  },
} as const;

/**
 * Returns the `webhooks` object of the document, which describes the messages that MIR sends to the URL set with `PUT
 * /partners/webhook`.
 */
export function webhooksOf({ schemaOf, refTo }: Components): Json {
  const entries = Object.entries(WEBHOOK_MESSAGES).map(([type, { operationId, summary, schema }]) => {
    const post = {
      operationId,
      summary,
      description:
        'Signed according to [Standard Webhooks](https://www.standardwebhooks.com). May be delivered more than once.',
      tags: ['Linking'],
      security: [{ webhookSignature: [] }],
      parameters: Object.entries(HEADERS).map(([name, header]) => refTo('parameters', name, header)),
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(schema, 'output') } } },
      responses: {
        '2XX': { description: 'Accepted. MIR retries after any other response, or if it does not receive a response.' },
      },
    };
    return [type, { post }];
  });
  return Object.fromEntries(entries) as Json;
}
