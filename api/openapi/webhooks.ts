import { z } from 'zod';
import type { Components } from './components';
import type { Json } from './example-of';

const LINK = {
  linkId: z.string().meta({ examples: ['lnk_5d0c1f0a9b8e4c7d8a6f3e2b1c0d9e8f'] }),
  inviteId: z
    .string()
    .meta({ examples: ['inv_0a1b2c3d4e5f60718293a4b5c6d7e8f9'] })
    .describe('Of the invite or code by which the link was asked for.'),
  userRef: z.string().describe('As the answer to the invite or code named the user.'),
  linkedAt: z.iso.datetime(),
};

const messageOf = <Type extends string>(id: string, type: Type, data: z.ZodType) =>
  z.strictObject({ type: z.literal(type), timestamp: z.iso.datetime(), data }).meta({ id });

/** What a partner's webhook is told, by its type. */
export const WEBHOOK_MESSAGES: Record<string, { operationId: string; summary: string; schema: z.ZodType }> = {
  'link.confirmed': {
    operationId: 'linkConfirmed',
    summary: 'A person connected an account of yours',
    schema: messageOf('LinkConfirmedMessage', 'link.confirmed', z.strictObject(LINK).meta({ id: 'ConfirmedLink' })),
  },
  'link.removed': {
    operationId: 'linkRemoved',
    summary: 'A link ended',
    schema: messageOf(
      'LinkRemovedMessage',
      'link.removed',
      z
        .strictObject({
          ...LINK,
          removedAt: z.iso.datetime().describe('Of a deleted identity only the day.'),
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

/** The headers of Standard Webhooks, by their names in the document. */
const HEADERS: Record<string, Json> = {
  WebhookId: headerParameter(
    'webhook-id',
    'The same at each try of a message.',
    'msg_1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f',
  ),
  WebhookTimestamp: headerParameter('webhook-timestamp', 'Seconds since 1970 at this try.', '1769851800'),
  WebhookSignature: headerParameter(
    'webhook-signature',
    '`v1,` and the base64 of an HMAC-SHA256 under your secret. Several signatures are separated by a space.',
    'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
  ),
};

/** How a receiver knows that a message is from MIR. */
export const WEBHOOK_SECURITY = {
  webhookSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-signature',
    description:
      'MIR signs each message with the secret of your endpoint, as [Standard Webhooks](https://www.standardwebhooks.com) specifies. Verify the signature before you trust a message.',
  },
} as const;

/** `webhooks` of the document: messages that MIR posts to the URL of `PUT /partners/webhook`. */
export function webhooksOf({ schemaOf, refTo }: Components): Json {
  const entries = Object.entries(WEBHOOK_MESSAGES).map(([type, { operationId, summary, schema }]) => {
    const post = {
      operationId,
      summary,
      description: 'Signed as [Standard Webhooks](https://www.standardwebhooks.com) says. It may come twice.',
      tags: ['Linking'],
      security: [{ webhookSignature: [] }],
      parameters: Object.entries(HEADERS).map(([name, header]) => refTo('parameters', name, header)),
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(schema, 'output') } } },
      responses: { '2XX': { description: 'Taken. Any other answer, or none, has the message sent again.' } },
    };
    return [type, { post }];
  });
  return Object.fromEntries(entries) as Json;
}
