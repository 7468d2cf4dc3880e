import { z } from 'zod';
import {
  MEMBER_ROLES,
  type MemberRole,
  OPERATOR_RIGHTS,
  OPERATOR_ROLES,
  type OperatorRole,
} from '../../shared/domain/roles';
import { OPERATORS } from '../../shared/store/members';
import type { PartnerId } from '../../shared/domain/ids';
import type { StaffSession } from '../accounts/staff-auth';
import type { ApiContext } from '../context';
import { noQuery } from '../http/no-query';
import { route } from '../http/route';
import { staffAuth } from './session-schemas';

const membershipSchema = z
  .object({
    partnerId: z.string(),
    partnerName: z.string(),
    memberId: z.string(),
    role: z.enum(MEMBER_ROLES).meta({ id: 'MemberRole' }),
  })
  .meta({ id: 'Membership' });

/** An account with its memberships. */
export const accountSchema = z
  .object({
    staffId: z.string(),
    name: z.string(),
    email: z.email(),
    hasSecondFactor: z.boolean(),
    memberships: z.array(membershipSchema),
    operator: z
      .object({ role: z.enum(OPERATOR_ROLES).meta({ id: 'OperatorRole' }), rights: z.array(z.string()) })
      .meta({ id: 'OperatorMembership' })
      .nullable()
      .describe('Your role in operating this MIR server.'),
  })
  .meta({ id: 'StaffAccount' });

/** Presents an account with the partners that it belongs to. */
export async function presentAccount(
  { store }: Pick<ApiContext, 'store'>,
  { staffId, name, email, hasSecondFactor }: StaffSession,
): Promise<z.infer<typeof accountSchema>> {
  const members = await store.members.ofStaff(staffId);
  const ofPartners = members.filter(({ organization }) => organization !== OPERATORS);
  const partners = await store.partners.many(ofPartners.map(({ organization }) => organization as PartnerId));
  const asOperator = members.find(({ organization }) => organization === OPERATORS)?.role as OperatorRole | undefined;
  return {
    staffId,
    name,
    email,
    hasSecondFactor,
    memberships: ofPartners.map(({ _id, organization, role }) => ({
      partnerId: organization,
      partnerName: partners.get(organization as PartnerId)?.name ?? '',
      memberId: _id,
      role: role as MemberRole,
    })),
    operator: asOperator === undefined ? null : { role: asOperator, rights: [...OPERATOR_RIGHTS[asOperator]] },
  };
}

export const getAccountRoute = route({
  operationId: 'getStaffAccount',
  method: 'GET',
  path: '/staff/me',
  v1Only: true,
  auth: staffAuth,
  tag: 'Staff accounts',
  summary: 'Get your account and the organizations that you belong to',
  query: noQuery,
  answers: { 200: { description: 'Your account', schema: accountSchema } },
  problems: [],
  handle: async ({ ctx, staff }) => ({ status: 200, body: await presentAccount(ctx, staff) }),
});
