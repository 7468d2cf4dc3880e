import { z } from 'zod';
import { auditContextForCaller } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { withdrawInvitation } from './invite-member';
import { manageAuth } from './member-schemas';

export const deleteInvitationRoute = route({
  operationId: 'deleteMemberInvitation',
  method: 'DELETE',
  path: '/members/invitations/:id',
  v1Only: true,
  auth: manageAuth,
  tag: 'Members',
  summary: 'Withdraw an invitation',
  params: idParams,
  query: noQuery,
  answers: {
    200: {
      description: 'Withdrawn',
      schema: z.object({ withdrawn: z.literal(true) }).meta({ id: 'WithdrawnInvitation' }),
    },
  },
  problems: ['NOT_FOUND'],
  handle: async ({ ctx, caller, requestId, params }) => {
    const { partnerId } = caller.admission.credential;
    await withdrawInvitation(ctx, partnerId, params.id, auditContextForCaller({ caller, requestId }));
    return { status: 200, body: { withdrawn: true } };
  },
});
