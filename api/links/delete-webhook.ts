import { z } from 'zod';
import { partnerOf } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import { auditContextForCaller, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { route } from '../http/route';
import { webhookAuth } from './webhook-schema';

/** Handles `DELETE /partners/webhook`. */
export const deleteWebhookRoute = route({
  operationId: 'deleteWebhook',
  method: 'DELETE',
  path: '/partners/webhook',
  auth: { ...webhookAuth, partnerOnly: true },
  tag: 'Linking',
  summary: 'Delete the webhook endpoint and its undelivered messages',
  answers: {
    200: { description: 'Deleted', schema: z.object({ removed: z.literal(true) }).meta({ id: 'DeletedWebhook' }) },
  },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx: { store }, caller, requestId }) => {
    const { tenant } = caller;
    const facts = { partnerId: partnerOf(tenant), tenant, action: 'webhook.removed', target: tenant };
    await transaction({ store }, async (session) => {
      if (!(await store.webhooks.remove(tenant, session)))
        throw new PublicError('NOT_FOUND', 'No webhook endpoint is set.');
      await store.deliveries.dropOpenOfTenant(tenant, session);
      await store.audit.append(auditEntry(auditContextForCaller({ caller, requestId }), facts), session);
    });
    return { status: 200, body: { removed: true } };
  },
});
