import { newId } from '../../shared/domain/ids';
import { INVITATION_DAYS } from '../../shared/domain/mailed-link';
import type { MemberRole, OperatorRole } from '../../shared/domain/roles';
import { requireMailSpace, wakeUpMails } from '../../shared/mails/notify-partner';
import type { MemberInvitationDoc, OrganizationId } from '../../shared/store/members';
import type { StaffMail } from '../../shared/store/queued-mails';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { PublicError } from '../http/public-error';
import { partnerOfOrganization, requireAdministrator } from './change-members';

const DAY_MS = 24 * 3_600_000;
/** Maximum number of open invitations of an organization. */
const MAX_INVITATIONS = 50;

/** Who invites, if neither a person nor the operator is named. */
export const UNNAMED_OPERATOR = 'The operator of this MIR server';

export type InviteDeps = Pick<ApiContext, 'store' | 'config' | 'log' | 'mailQueue'>;

/** Whom to invite, and who invites. */
export interface NewInvitation {
  organization: OrganizationId;
  email: string;
  role: MemberRole | OperatorRole;
  /** Name of the person or organization that invites, for the email. */
  invitedBy: string;
  /** The member who invites. Absent for an operator. */
  invitingMemberId?: string | undefined;
}

/**
 * Inserts an invitation, its audit entry and its email in a transaction. Pass `mailId` to `wakeUpMails` after the
 * commit.
 */
export async function insertInvitation(
  { store }: Pick<InviteDeps, 'store'>,
  { organization, email, role, invitedBy }: NewInvitation,
  { reason, auditContext }: { reason: Exclude<StaffMail['reason'], 'STAFF_RESET'>; auditContext: AuditContext },
  session: StoreSession,
): Promise<{ invitation: MemberInvitationDoc; mailId: string }> {
  const { at } = auditContext;
  const invitation: MemberInvitationDoc = {
    _id: newId('ivt'),
    organization,
    email: email.toLowerCase(),
    role,
    invitedBy,
    tokens: [],
    createdAt: at,
    expiresAt: new Date(at.getTime() + INVITATION_DAYS * DAY_MS),
  };
  const mailId = newId('mail');
  await store.memberInvitations.put(invitation, session);
  const facts = {
    partnerId: partnerOfOrganization(organization),
    action: 'member.invited',
    target: invitation._id,
    after: { role },
  };
  await store.audit.append(auditEntry(auditContext, facts), session);
  await store.queuedMails.insert({ _id: mailId, reason, recipientId: invitation._id }, at, session);
  return { invitation, mailId };
}

/**
 * Invites an address, and queues the email. Replaces an earlier invitation of the same address. Throws 409 if too many
 * invitations are open, or if this server sends no email, and 401 if the inviting member is no longer an administrator.
 */
export async function inviteMember(
  { store, config, log, mailQueue }: InviteDeps,
  newInvitation: NewInvitation,
  auditContext: AuditContext,
): Promise<MemberInvitationDoc> {
  if (config.mail.kind === 'off') {
    throw new PublicError('CONFLICT', 'This MIR server sends no email. Ask its operator to set SMTP_URL.');
  }
  await requireMailSpace({ store });
  const { invitation, mailId } = await transaction({ store }, async (session) => {
    await requireAdministrator({ store }, newInvitation.organization, newInvitation.invitingMemberId, session);
    const inserted = await insertInvitation({ store }, newInvitation, { reason: 'INVITATION', auditContext }, session);
    if ((await store.memberInvitations.count(newInvitation.organization, session)) > MAX_INVITATIONS) {
      throw new PublicError('CONFLICT', `At most ${MAX_INVITATIONS} invitations can be open. Withdraw one first.`);
    }
    return inserted;
  });
  await wakeUpMails({ mailQueue, log }, [mailId]);
  return invitation;
}

/** Withdraws an invitation. Throws 404 if the organization has no such invitation. */
export async function withdrawInvitation(
  { store }: Pick<ApiContext, 'store'>,
  organization: OrganizationId,
  invitationId: string,
  auditContext: AuditContext,
): Promise<void> {
  await transaction({ store }, async (session) => {
    const removed = await store.memberInvitations.remove(organization, invitationId, session);
    if (!removed) throw new PublicError('NOT_FOUND', 'Invitation not found. It may have been accepted or has expired.');
    const facts = {
      partnerId: partnerOfOrganization(organization),
      action: 'member.invitation_withdrawn',
      target: invitationId,
      before: { role: removed.role },
    };
    await store.audit.append(auditEntry(auditContext, facts), session);
  });
}
