import { z } from 'zod';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { route } from '../http/route';
import { invitationSchema, presentInvitation, readAuth } from './member-schemas';

export const listInvitationsRoute = route({
  operationId: 'listMemberInvitations',
  method: 'GET',
  path: '/members/invitations',
  v1Only: true,
  auth: { ...readAuth, price: { rows: requestedRows } },
  tag: 'Members',
  summary: 'List open invitations, newest first',
  query: z.strictObject(pageQuery),
  answers: {
    200: { description: 'A page of invitations', schema: pageSchema('MemberInvitationPage', invitationSchema) },
  },
  problems: [],
  handle: async ({ ctx: { store, secrets }, caller, query }) => {
    const { partnerId } = caller.admission.credential;
    const owner = `${partnerId}|invitations`;
    const after = readCursor(secrets.cursor, owner, query.cursor);
    const page = await store.memberInvitations.list(partnerId, after, query.limit);
    return { status: 200, body: presentPage(secrets.cursor, owner, page, presentInvitation) };
  },
});
