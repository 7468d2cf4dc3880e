import { z } from 'zod';
import { MEMBER_ROLES, type MemberRole } from '../../shared/domain/roles';
import type { MemberDoc, MemberInvitationDoc } from '../../shared/store/members';
import type { StaffDoc } from '../../shared/store/staff';
import { emailSchema } from '../http/schemas';

export const memberRoleSchema = z.enum(MEMBER_ROLES).meta({ id: 'MemberRole' });

const time = z.iso.datetime();

/** A member as the partner's other members see it. */
export const memberSchema = z
  .object({
    memberId: z.string(),
    name: z.string(),
    email: z.email(),
    role: memberRoleSchema,
    hasSecondFactor: z.boolean().describe('Whether logins with a password also need a code.'),
    createdAt: time,
  })
  .meta({ id: 'Member' });
export type PresentedMember = z.infer<typeof memberSchema>;

export function presentMember(
  { _id, role, createdAt }: MemberDoc,
  { name, email, twoFactorEnabled }: StaffDoc,
): PresentedMember {
  return {
    memberId: _id,
    name,
    email,
    role: role as MemberRole,
    hasSecondFactor: twoFactorEnabled === true,
    createdAt: createdAt.toISOString(),
  };
}

export const invitationSchema = z
  .object({ invitationId: z.string(), email: z.email(), role: memberRoleSchema, createdAt: time, expiresAt: time })
  .meta({ id: 'MemberInvitation' });
export type PresentedInvitation = z.infer<typeof invitationSchema>;

export function presentInvitation({
  _id,
  email,
  role,
  createdAt,
  expiresAt,
}: MemberInvitationDoc): PresentedInvitation {
  return {
    invitationId: _id,
    email,
    role: role as MemberRole,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
  };
}

export const inviteInput = z
  .strictObject({ email: emailSchema, role: memberRoleSchema })
  .meta({ id: 'InviteMemberRequest' });

/** Reading members. Only members have the scope. */
export const readAuth = { kind: 'key', scope: 'members:read', availableWithoutRedis: true, partnerOnly: true } as const;
/** Changing members. Only administrators have the scope. */
export const manageAuth = {
  kind: 'key',
  scope: 'members:manage',
  availableWithoutRedis: false,
  partnerOnly: true,
  recentLogIn: true,
} as const;
