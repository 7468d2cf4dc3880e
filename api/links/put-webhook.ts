import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { encryptSecret } from '../../shared/domain/encrypted-secret';
import { partnerOf, type Tenant } from '../../shared/domain/ids';
import { webhookUrlProblem } from '../../shared/domain/webhook-url';
import { PublicError } from '../http/public-error';
import { type AuditContext, auditEntry, auditContextForCaller } from '../db/audit-context';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { EXAMPLE_URL, webhookAuth, webhookSchema } from './webhook-schema';
import { transaction } from '../db/transaction';

const MAX_URL_LENGTH = 2_048;
const SECRET_BYTES = 24;
/** Standard Webhooks format for a symmetric secret: `whsec_` followed by base64. */
const SECRET_PREFIX = 'whsec_';

/** Throws 422 for a URL that can never receive messages. Deliveries apply the same rule. */
function checkUrl(text: string, allowPrivate: boolean): void {
  const message = webhookUrlProblem(new URL(text), { allowPrivate });
  if (message === null) return;
  const code = 'WEBHOOK_URL_NOT_ALLOWED';
  throw new PublicError(code, message, { errors: [{ path: 'url', code, message }] });
}

/** Sets a tenant's webhook endpoint with a new secret, which only this call returns. */
async function putWebhook(
  { store, secrets, config }: Pick<ApiContext, 'store' | 'secrets' | 'config'>,
  tenant: Tenant,
  url: string,
  auditContext: AuditContext,
): Promise<{ url: string; secret: string; createdAt: string }> {
  checkUrl(url, config.webhooksToPrivateAddresses);
  const secret = SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64');
  const webhook = {
    _id: tenant,
    url,
    sealedSecret: encryptSecret(secrets.webhook, tenant, secret),
    createdAt: auditContext.at,
  };
  const { host } = new URL(url);
  const facts = { partnerId: partnerOf(tenant), tenant, action: 'webhook.set', target: tenant, after: { host } };
  await transaction({ store }, async (session) => {
    await store.webhooks.put(webhook, session);
    await store.audit.append(auditEntry(auditContext, facts), session);
  });
  return { url, secret, createdAt: auditContext.at.toISOString() };
}

/** Handles `PUT /partners/webhook`. */
export const putWebhookRoute = route({
  operationId: 'setWebhook',
  method: 'PUT',
  path: '/partners/webhook',
  auth: { ...webhookAuth, partnerOnly: true },
  tag: 'Linking',
  summary: 'Set the webhook endpoint',
  description:
    'MIR sends `link.confirmed` and `link.removed` messages to this endpoint, signed according to Standard Webhooks. ' +
    'Verify them with a Standard Webhooks library and the secret. If your server does not respond with 2xx, MIR ' +
    'retries for about a day. Use `webhook-id` to detect duplicates. Setting the endpoint again creates a new secret.',
  body: z
    .strictObject({
      url: z
        .string()
        .max(MAX_URL_LENGTH)
        .check(z.url({ protocol: /^https?$/ }))
        .meta({ examples: [EXAMPLE_URL], pattern: '^https://[^@#/?]+([/?][^#]*)?$' })
        .describe('An HTTPS URL with a public address, without credentials or a fragment.'),
    })
    .meta({ id: 'SetWebhookRequest' }),
  answers: {
    200: {
      description: 'The webhook endpoint and its secret',
      schema: webhookSchema.extend({ secret: z.string().describe('Shown only once.') }).meta({ id: 'IssuedWebhook' }),
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'WEBHOOK_URL_NOT_ALLOWED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller, requestId, body: { url } }) => {
    return {
      status: 200,
      body: await putWebhook(ctx, caller.tenant, url, auditContextForCaller({ caller, requestId })),
    };
  },
});
