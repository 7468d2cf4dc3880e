import type { Components } from './components';
import type { Json } from './example-of';
import { WEBHOOK_MESSAGES } from './webhook-messages';

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
    'Message ID. Retries have the same ID, and so does the message at your other endpoints.',
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

/** Returns the `webhooks` object of the document, which describes the messages that MIR sends to webhook endpoints. */
export function webhooksOf({ schemaOf, refTo }: Components): Json {
  const entries = Object.entries(WEBHOOK_MESSAGES).map(([type, { operationId, summary, schema }]) => {
    const post = {
      operationId,
      summary,
      description:
        'Signed according to [Standard Webhooks](https://www.standardwebhooks.com). May be delivered more than once.',
      tags: ['Webhooks'],
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
