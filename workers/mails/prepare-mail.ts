import { createHash, randomBytes } from 'node:crypto';
import { decryptSecret } from '../../shared/domain/encrypted-secret';
import { RESET_LINK_MINUTES, VERIFY_LINK_HOURS } from '../../shared/domain/mailed-link';
import type { Mail } from '../../shared/queue/mail-queue';
import type { Runtime } from '../../shared/runtime';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import { OPERATORS } from '../../shared/store/members';
import type { ApplicantMail, NoticeMail, PersonMail, QueuedMailDoc, StaffMail } from '../../shared/store/queued-mails';
import type { StoreSession } from '../../shared/store/store';
import { type MailContent, renderMail } from './render-mail';

/** An email is dropped after two worker crashes, so that the recipient does not get a copy after each crash. */
const MAX_CRASHES = 1;
const MINUTE_MS = 60_000;
const TOKEN_BYTES = 32;

type Deps = Pick<Runtime, 'store' | 'secrets' | 'config'>;

/** Returns the content of an email to a person, or null if the account was deleted. */
async function toPerson(
  { store }: Deps,
  { identityId, reason }: PersonMail,
  session: StoreSession,
): Promise<MailContent | null> {
  // A concurrent deletion of the identity also deletes the row, and then the transaction aborts.
  const identity = await store.identities.get(identityId);
  if (identity === null) return null;
  const { email: to, emailVerified } = identity;
  const createToken = (lifetimeMs: number): Promise<string> =>
    store.identityVerifications.create(identityId, lifetimeMs, session);
  if (!emailVerified) return { kind: 'VERIFY', to, token: await createToken(VERIFY_LINK_HOURS * 60 * MINUTE_MS) };
  if (reason !== 'RESET') return { kind: 'ALREADY_SIGNED_UP', to };
  return { kind: 'RESET', to, token: await createToken(RESET_LINK_MINUTES * MINUTE_MS) };
}

/** Returns the content of an email to a partner, or null if the partner or the addressed member is gone. */
async function toPartner(
  { store }: Deps,
  { recipientId, memberStaffId, reason, facts }: NoticeMail,
): Promise<MailContent | null> {
  const partner = await store.partners.get(recipientId);
  if (!partner) return null;
  const content = { kind: reason, facts: { ...facts, partner: partner.name } };
  if (memberStaffId === undefined) return { ...content, to: partner.contactEmail };
  const [staff, member] = await Promise.all([
    store.staff.get(memberStaffId),
    store.members.of(recipientId, memberStaffId),
  ]);
  return staff && member && { ...content, to: staff.email };
}

function newSecret(): { token: string; hash: string } {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  return { token, hash: createHash('sha256').update(token).digest('base64url') };
}

/** Returns the content of an email to an applicant, or null if there is nothing left to confirm. */
async function toApplicant(
  { store }: Deps,
  { applicationId, reason: kind }: ApplicantMail,
  session: StoreSession,
): Promise<MailContent | null> {
  const application = await store.applications.get(applicationId, session);
  if (!application) return null;
  const { contactEmail: to, name, reason = '', addressConfirmedAt } = application;
  const content = { kind, to, facts: { name, applicationId, reason } };
  if (kind === 'APPLICATION_REJECTED') return content;
  if (addressConfirmedAt !== undefined) return null;
  const { token, hash } = newSecret();
  await store.applications.addAddressToken(applicationId, hash, session);
  return { ...content, token };
}

/** Returns the content of an email to a member or operator, or null if the invitation or account no longer exists. */
async function toStaff(
  { store }: Deps,
  { recipientId, reason }: StaffMail,
  session: StoreSession,
): Promise<MailContent | null> {
  if (reason === 'STAFF_RESET') {
    const staff = await store.staff.get(recipientId, session);
    if (!staff) return null;
    const token = await store.staffVerifications.create(staff._id, RESET_LINK_MINUTES * MINUTE_MS, session);
    return { kind: 'STAFF_RESET', to: staff.email, token };
  }
  const invitation = await store.memberInvitations.get(recipientId, session);
  if (!invitation) return null;
  const { organization, email: to, invitedBy } = invitation;
  const { token, hash } = newSecret();
  await store.memberInvitations.addToken(invitation._id, hash, session);
  const partner = organization === OPERATORS ? null : await store.partners.get(organization, session);
  return { kind: reason, to, token, facts: { invitedBy, partner: partner?.name ?? '' } };
}

function contentOf(deps: Deps, row: QueuedMailDoc, session: StoreSession): Promise<MailContent | null> {
  if ('identityId' in row) return toPerson(deps, row, session);
  if ('applicationId' in row) return toApplicant(deps, row, session);
  return 'facts' in row ? toPartner(deps, row) : toStaff(deps, row, session);
}

/**
 * Starts an attempt to send a queued email: creates its token, stores the token's hash and returns the email. Each
 * attempt creates another token, because MIR cannot read the tokens of earlier attempts; using one ends them all.
 * Returns null if there is nothing to send, for example because the account was deleted.
 */
export function prepareMail(deps: Deps, id: string): Promise<Mail | null> {
  const { store, secrets, config } = deps;
  return store.transaction(async (session) => {
    const row = await store.queuedMails.startAttempt(id, new Date(), session);
    if (row === null) return null;
    const content = row.openAttempts > MAX_CRASHES + 1 ? null : await contentOf(deps, row, session);
    if (content === null) {
      await store.queuedMails.drop(id, session);
      return null;
    }
    const next = row.next === undefined ? null : decryptSecret(secrets.mail, id, row.next);
    return renderMail(content, { next, config });
  }, STORE_TIMEOUT_MS);
}
