import { z } from 'zod';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { presentReceiver, receiverSchema } from './receiver-schemas';

export const listReceiversRoute = route({
  operationId: 'listReceivers',
  method: 'GET',
  path: '/receivers',
  v1Only: true,
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    availableWithoutRedis: true,
    partnerOnly: true,
  },
  tag: 'Agents',
  summary: 'List your receivers in this environment',
  query: noQuery,
  answers: {
    200: {
      description: 'The receivers, without their secrets',
      schema: z
        .object({ data: z.array(receiverSchema), nextCursor: z.null().describe('All receivers fit on one page.') })
        .meta({ id: 'ReceiverPage' }),
    },
  },
  problems: [],
  handle: async ({ ctx: { store }, caller: { tenant } }) => {
    const receivers = await store.webhooks.receiversOf(tenant);
    return { status: 200, body: { data: receivers.map(presentReceiver), nextCursor: null } };
  },
});
