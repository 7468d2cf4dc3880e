import { z } from 'zod';
import { auditContextForCaller } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { PublicError } from '../http/public-error';
import { route } from '../http/route';
import { idParams } from '../http/schemas';
import { changeMember } from './change-members';
import { manageAuth, memberRoleSchema, memberSchema, presentMember } from './member-schemas';

export const updateMemberRoute = route({
  operationId: 'updateMember',
  method: 'PATCH',
  path: '/members/:id',
  v1Only: true,
  auth: manageAuth,
  tag: 'Members',
  summary: 'Change a member’s role',
  description: 'In force at once: the member’s access tokens end, and new ones have the rights of the new role.',
  params: idParams,
  query: noQuery,
  body: z.strictObject({ role: memberRoleSchema }).meta({ id: 'UpdateMemberRequest' }),
  answers: { 200: { description: 'The member', schema: memberSchema } },
  problems: ['NOT_FOUND', 'LAST_ADMINISTRATOR'],
  handle: async ({ ctx, caller, requestId, params, body }) => {
    const { partnerId, member: acting } = caller.admission.credential;
    const by = { auditContext: auditContextForCaller({ caller, requestId }), actingMemberId: acting?.memberId };
    const member = await changeMember(ctx, partnerId, params.id, body.role, by);
    const account = await ctx.store.staff.get(member.staffId);
    if (!account) throw new PublicError('NOT_FOUND', 'Member not found. Check the ID.');
    return { status: 200, body: presentMember(member, account) };
  },
});
