import { INVITATION_DAYS } from '../../shared/domain/mailed-link';
import { auditContextForCaller } from '../db/audit-context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { invitationSchema, inviteInput, manageAuth, presentInvitation } from './member-schemas';
import { inviteMember } from './invite-member';

export const createInvitationRoute = route({
  operationId: 'createMemberInvitation',
  method: 'POST',
  path: '/members/invitations',
  v1Only: true,
  auth: manageAuth,
  tag: 'Members',
  summary: 'Invite someone to your organization by email',
  description: `The invitation can be accepted for ${INVITATION_DAYS} days, only with the link in the email. Inviting the same address again replaces the earlier invitation.`,
  query: noQuery,
  body: inviteInput,
  answers: { 201: { description: 'The invitation', schema: invitationSchema } },
  problems: ['CONFLICT'],
  handle: async ({ ctx, caller, requestId, body }) => {
    const { partnerId, member } = caller.admission.credential;
    const invitation = {
      organization: partnerId,
      ...body,
      invitedBy: member?.name ?? '',
      invitingMemberId: member?.memberId,
    };
    const invited = await inviteMember(ctx, invitation, auditContextForCaller({ caller, requestId }));
    return { status: 201, body: presentInvitation(invited) };
  },
});
