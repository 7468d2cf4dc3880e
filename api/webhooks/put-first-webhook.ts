import { z } from 'zod';
import { type Tenant } from '../../shared/domain/ids';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { route } from '../http/route';
import { appendWebhookEntry } from './audit-webhook';
import { DEPRECATION, firstWebhookAuth, firstWebhookSchema } from './first-webhook-schema';
import { requireSendableUrl, type WebhookDeps } from './webhook-url';
import { newSecret } from './webhook-secrets';
import { urlInput } from './webhook-schemas';

/** Sets the tenant's first endpoint with a new secret, which only this call returns. Creates it if there is none. */
async function putFirstWebhook(
  { store, secrets, config }: WebhookDeps,
  tenant: Tenant,
  url: string,
  auditContext: AuditContext,
): Promise<{ url: string; secret: string; createdAt: string }> {
  requireSendableUrl(url, config.webhooksToPrivateAddresses);
  const { at } = auditContext;
  const secret = await transaction({ store }, async (session) => {
    const [first] = await store.webhooks.ofTenant(tenant, session);
    const endpointId = first?._id ?? tenant;
    const issued = newSecret(secrets, endpointId);
    const set = { url, sealedSecret: issued.sealedSecret, setAt: at };
    if (first) {
      const unset = ['previousSecrets', 'failingSince', 'disabledAt', 'disabledReason'] as const;
      await store.webhooks.change(endpointId, { set, unset }, session);
    } else {
      const created: WebhookDoc = { ...set, _id: endpointId, tenant, slot: 0, createdAt: at };
      await store.webhooks.insert(created, session);
    }
    await appendWebhookEntry({ store }, tenant, auditContext, 'webhook.set', endpointId, { url }, session);
    return issued.secret;
  });
  return { url, secret, createdAt: at.toISOString() };
}

/** Handles `PUT /partners/webhook`. */
export const putFirstWebhookRoute = route({
  operationId: 'setWebhook',
  method: 'PUT',
  path: '/partners/webhook',
  deprecated: true,
  auth: { ...firstWebhookAuth, partnerOnly: true },
  tag: 'Webhooks',
  summary: 'Set the first webhook endpoint',
  description:
    `${DEPRECATION} A new endpoint gets \`link.confirmed\` and \`link.removed\` messages. Setting the endpoint again ` +
    'creates a new secret, and enables the endpoint if it is disabled.',
  body: z.strictObject({ url: urlInput }).meta({ id: 'SetWebhookRequest' }),
  answers: {
    200: {
      description: 'The webhook endpoint and its secret',
      schema: firstWebhookSchema
        .extend({ secret: z.string().describe('Shown only once.') })
        .meta({ id: 'IssuedWebhook' }),
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'WEBHOOK_URL_NOT_ALLOWED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller, requestId, body: { url } }) => {
    return {
      status: 200,
      body: await putFirstWebhook(ctx, caller.tenant, url, auditContextForCaller({ caller, requestId })),
    };
  },
});
