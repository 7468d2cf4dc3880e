import { z } from 'zod';
import type { OrganizationId } from '../../shared/store/members';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { route } from '../http/route';
import { memberSchema, presentMember, type PresentedMember, readAuth } from './member-schemas';

/** Returns a page of an organization's members, newest first. */
export async function pageOfMembers(
  { store, secrets }: Pick<ApiContext, 'store' | 'secrets'>,
  organization: OrganizationId,
  query: { limit: number; cursor?: string | undefined },
): Promise<{ data: PresentedMember[]; nextCursor: string | null }> {
  const owner = `${organization}|members`;
  const page = await store.members.list(organization, readCursor(secrets.cursor, owner, query.cursor), query.limit);
  const accounts = await store.staff.many(page.rows.map(({ staffId }) => staffId));
  const known = page.rows.flatMap((member) => {
    const account = accounts.get(member.staffId);
    return account ? [presentMember(member, account)] : [];
  });
  return presentPage(secrets.cursor, owner, { rows: known, next: page.next }, (member) => member);
}

export const listMembersRoute = route({
  operationId: 'listMembers',
  method: 'GET',
  path: '/members',
  v1Only: true,
  auth: { ...readAuth, price: { rows: requestedRows } },
  tag: 'Members',
  summary: 'List the members of your organization, newest first',
  query: z.strictObject(pageQuery),
  answers: { 200: { description: 'A page of members', schema: pageSchema('MemberPage', memberSchema) } },
  problems: [],
  handle: async ({ ctx, caller, query }) => ({
    status: 200,
    body: await pageOfMembers(ctx, caller.admission.credential.partnerId, query),
  }),
});
