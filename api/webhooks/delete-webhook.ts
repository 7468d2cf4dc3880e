import { z } from 'zod';
import type { Tenant } from '../../shared/domain/ids';
import { endpointRefOf } from '../../shared/domain/webhook';
import type { StoreSession } from '../../shared/store/store';
import type { WebhookDoc } from '../../shared/store/webhooks';
import { type AuditContext, auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { appendWebhookEntry } from './audit-webhook';
import { findWebhook, webhookNotFound } from './find-webhook';
import type { WebhookDeps } from './webhook-url';

/** Deletes an endpoint and its unfinished deliveries, and records that. */
export async function removeWebhook(
  { store }: Pick<WebhookDeps, 'store'>,
  tenant: Tenant,
  { _id, url }: WebhookDoc,
  auditContext: AuditContext,
  session: StoreSession,
): Promise<void> {
  if (!(await store.webhooks.remove(_id, session))) throw webhookNotFound();
  await store.deliveries.dropUnfinished(tenant, endpointRefOf(tenant, _id), session);
  await appendWebhookEntry({ store }, tenant, auditContext, 'webhook.removed', _id, { url }, session);
}

export const deleteWebhookRoute = route({
  operationId: 'deleteWebhookEndpoint',
  method: 'DELETE',
  path: '/webhooks/:id',
  v1Only: true,
  auth: { kind: 'key', scope: 'webhooks:manage', availableWithoutRedis: false },
  tag: 'Webhooks',
  summary: 'Delete a webhook endpoint and its undelivered messages',
  params: idParams,
  query: noQuery,
  answers: {
    200: {
      description: 'Deleted',
      schema: z.object({ deleted: z.literal(true) }).meta({ id: 'DeletedWebhookEndpoint' }),
    },
  },
  problems: ['NOT_FOUND'],
  handle: async (call) => {
    const { ctx, caller, params } = call;
    const auditContext = auditContextForCaller(call);
    await transaction(ctx, async (session) => {
      const webhook = await findWebhook(ctx, caller.tenant, params.id, session);
      await removeWebhook(ctx, caller.tenant, webhook, auditContext, session);
    });
    return { status: 200, body: { deleted: true } };
  },
});
