import { z } from 'zod';
import { newId, type Tenant } from '../../shared/domain/ids';
import { MAX_WEBHOOKS_PER_TENANT } from '../../shared/domain/webhook';
import type { StoreSession } from '../../shared/store/store';
import { freeSlot, type WebhookDoc } from '../../shared/store/webhooks';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { readIdempotencyKey } from '../http/idempotency-key';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { appendWebhookEntry } from './audit-webhook';
import { takeSlot } from './take-slot';
import { requireSendableUrl, type WebhookDeps } from './webhook-url';
import { newSecret } from './webhook-secrets';
import { issuedWebhookSchema, presentWebhook, typesInput, urlInput } from './webhook-schemas';

const createWebhookInput = z
  .strictObject({
    url: urlInput,
    types: typesInput
      .optional()
      .describe('Types of the messages that the endpoint receives. By default all, including those added later.'),
  })
  .meta({ id: 'CreateWebhookEndpointRequest' });

async function insertWebhook(
  { store, secrets }: WebhookDeps,
  tenant: Tenant,
  { url, types }: z.output<typeof createWebhookInput>,
  auditContext: AuditContext,
  session: StoreSession,
): Promise<{ webhook: WebhookDoc; secret: string }> {
  const slot = freeSlot(await store.webhooks.ofTenant(tenant, session));
  if (slot === null) {
    throw new PublicError(
      'CONFLICT',
      `An environment can have at most ${MAX_WEBHOOKS_PER_TENANT} webhook endpoints. Delete one that you no longer need.`,
    );
  }
  const _id = newId('whk');
  const { secret, sealedSecret } = newSecret(secrets, _id);
  const created = { _id, tenant, slot, url, sealedSecret, types: types ?? null, createdAt: auditContext.at };
  await store.webhooks.insert(created, session);
  await appendWebhookEntry(
    { store },
    tenant,
    auditContext,
    'webhook.created',
    _id,
    { url, types: created.types },
    session,
  );
  return { webhook: created, secret };
}

async function createWebhook(
  deps: WebhookDeps,
  tenant: Tenant,
  input: z.output<typeof createWebhookInput>,
  auditContext: AuditContext,
): Promise<{ webhook: WebhookDoc; secret: string }> {
  requireSendableUrl(input.url, deps.config.webhooksToPrivateAddresses);
  return takeSlot(MAX_WEBHOOKS_PER_TENANT, () =>
    transaction(deps, (session) => insertWebhook(deps, tenant, input, auditContext, session)),
  );
}

export const createWebhookRoute = route({
  operationId: 'createWebhookEndpoint',
  method: 'POST',
  path: '/webhooks',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false, recentLogIn: true },
  tag: 'Webhooks',
  summary: 'Create a webhook endpoint',
  description:
    'MIR sends messages to the endpoint, signed according to Standard Webhooks. Verify them with a Standard Webhooks library and the secret. If your server does not respond with 2xx, MIR retries for about a day. Use `webhook-id` to detect duplicates.',
  query: noQuery,
  body: createWebhookInput,
  idempotencyKey: true,
  answers: {
    201: {
      description: 'The endpoint and its secret, which is shown only once',
      schema: issuedWebhookSchema,
      headers: ['Location'],
    },
  },
  problems: ['CONFLICT', 'WEBHOOK_URL_NOT_ALLOWED'],
  handle: async (call) => {
    readIdempotencyKey(call);
    const { ctx, caller, body } = call;
    const auditContext = auditContextForCaller(call);
    const { webhook, secret } = await createWebhook(ctx, caller.tenant, body, auditContext);
    return {
      status: 201,
      body: { ...presentWebhook(webhook, auditContext.at), secret },
      headers: { Location: `/v1/webhooks/${webhook._id}` },
    };
  },
});
