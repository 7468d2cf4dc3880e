import { newId } from '../../shared/domain/ids';
import { INVITATION_DAYS } from '../../shared/domain/mailed-link';
import type { MemberRole, OperatorRole } from '../../shared/domain/roles';
import { MAX_WAITING_MAILS, wakeUpMails } from '../../shared/mails/notify-partner';
import type { MemberInvitationDoc, OrganizationId } from '../../shared/store/members';
import { overloaded } from '../../shared/errors';
import type { ApiContext } from '../context';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { PublicError } from '../http/public-error';
import { partnerOfOrganization } from './change-members';

const DAY_MS = 24 * 3_600_000;
/** Maximum number of open invitations of an organization. */
const MAX_INVITATIONS = 50;

export type InviteDeps = Pick<ApiContext, 'store' | 'config' | 'log' | 'mailQueue'>;

/** Whom to invite, and who invites. */
export interface NewInvitation {
  organization: OrganizationId;
  email: string;
  role: MemberRole | OperatorRole;
  /** Name of the person or organization that invites, for the email. */
  invitedBy: string;
}

/**
 * Invites an address, and queues the email. Replaces an earlier invitation of the same address. Throws 409 if too many
 * invitations are open, or if this server sends no email.
 */
export async function inviteMember(
  { store, config, log, mailQueue }: InviteDeps,
  { organization, email, role, invitedBy }: NewInvitation,
  auditContext: AuditContext,
): Promise<MemberInvitationDoc> {
  if (config.mail.kind === 'off') {
    throw new PublicError('CONFLICT', 'This MIR server sends no email. Ask its operator to set SMTP_URL.');
  }
  if ((await store.queuedMails.count()) >= MAX_WAITING_MAILS) throw overloaded('MAILS_FULL', 60);
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
  const mail = { _id: newId('mail'), reason: 'INVITATION', recipientId: invitation._id } as const;
  await transaction({ store }, async (session) => {
    await store.memberInvitations.put(invitation, session);
    if ((await store.memberInvitations.count(organization, session)) > MAX_INVITATIONS) {
      throw new PublicError('CONFLICT', `At most ${MAX_INVITATIONS} invitations can be open. Withdraw one first.`);
    }
    const facts = {
      partnerId: partnerOfOrganization(organization),
      action: 'member.invited',
      target: invitation._id,
      after: { role },
    };
    await store.audit.append(auditEntry(auditContext, facts), session);
    await store.queuedMails.insert(mail, at, session);
  });
  await wakeUpMails({ mailQueue, log }, [mail._id]);
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
