import { z } from 'zod';
import { auditContextForCaller } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { changeMember } from './change-members';
import { manageAuth } from './member-schemas';

export const removeMemberRoute = route({
  operationId: 'removeMember',
  method: 'DELETE',
  path: '/members/:id',
  v1Only: true,
  auth: manageAuth,
  tag: 'Members',
  summary: 'Remove a member',
  description:
    'In force at once. API keys that the member created keep working: check them, and revoke some if needed.',
  params: idParams,
  query: noQuery,
  answers: {
    200: { description: 'Removed', schema: z.object({ removed: z.literal(true) }).meta({ id: 'RemovedMember' }) },
  },
  problems: ['NOT_FOUND', 'LAST_ADMINISTRATOR'],
  handle: async ({ ctx, caller, requestId, params }) => {
    const { partnerId, member: acting } = caller.admission.credential;
    const by = { auditContext: auditContextForCaller({ caller, requestId }), actingMemberId: acting?.memberId };
    await changeMember(ctx, partnerId, params.id, null, by);
    return { status: 200, body: { removed: true } };
  },
});
