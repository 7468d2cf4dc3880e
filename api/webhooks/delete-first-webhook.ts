import { z } from 'zod';
import { PublicError } from '../http/public-error';
import { auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { route } from '../http/route';
import { removeWebhook } from './delete-webhook';
import { DEPRECATION, firstWebhookAuth } from './first-webhook-schema';

/** Handles `DELETE /partners/webhook`. */
export const deleteFirstWebhookRoute = route({
  operationId: 'deleteWebhook',
  method: 'DELETE',
  path: '/partners/webhook',
  deprecated: true,
  auth: { ...firstWebhookAuth, partnerOnly: true },
  tag: 'Webhooks',
  summary: 'Delete the first webhook endpoint and its undelivered messages',
  description: DEPRECATION,
  answers: {
    200: { description: 'Deleted', schema: z.object({ removed: z.literal(true) }).meta({ id: 'DeletedWebhook' }) },
  },
  problems: ['NOT_FOUND', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller, requestId }) => {
    const { tenant } = caller;
    const auditContext = auditContextForCaller({ caller, requestId });
    await transaction(ctx, async (session) => {
      const [webhook] = await ctx.store.webhooks.ofTenant(tenant, session);
      if (!webhook) throw new PublicError('NOT_FOUND', 'No webhook endpoint is set.');
      await removeWebhook(ctx, tenant, webhook, auditContext, session);
    });
    return { status: 200, body: { removed: true } };
  },
});
