import { z } from 'zod';
import { auditContextForCaller } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { appendReceiverEntry } from './audit-receiver';

/** Works on every plan, as reading and stopping agents does. */
export const deleteReceiverRoute = route({
  operationId: 'deleteReceiver',
  method: 'DELETE',
  path: '/receivers/:id',
  v1Only: true,
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: false, recentLogIn: true, partnerOnly: true },
  tag: 'Agents',
  summary: 'Delete a receiver and its unacknowledged pushes',
  params: idParams,
  query: noQuery,
  answers: {
    200: { description: 'Deleted', schema: z.object({ deleted: z.literal(true) }).meta({ id: 'DeletedReceiver' }) },
  },
  problems: ['NOT_FOUND'],
  handle: async (call) => {
    const { ctx, caller, params } = call;
    const { tenant } = caller;
    const auditContext = auditContextForCaller(call);
    await transaction(ctx, async (session) => {
      const receiver = await ctx.store.webhooks.removeReceiver(tenant, params.id, session);
      if (!receiver) throw new PublicError('NOT_FOUND', 'Receiver not found. Check the ID and the environment.');
      await ctx.store.deliveries.dropUnfinished(tenant, receiver._id, session);
      await appendReceiverEntry(ctx, tenant, auditContext, 'receiver.removed', receiver, session);
    });
    return { status: 200, body: { deleted: true } };
  },
});
