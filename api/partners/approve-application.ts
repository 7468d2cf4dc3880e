import type { PartnerId } from '../../shared/domain/ids';
import { requireMailSpace, wakeUpMails } from '../../shared/mails/notify-partner';
import type { ApplicationDoc } from '../../shared/store/applications';
import type { PartnerDoc } from '../../shared/store/partners';
import type { StoreSession } from '../../shared/store/store';
import { insertInvitation, UNNAMED_OPERATOR } from '../members/invite-member';
import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { type AuditContext, auditContextForOperator } from '../db/audit-context';
import type { ApplicantMailDeps } from './applicant-mail';
import { type AdmitDeps, admitPartner } from './admit-partner';
import { type TermsInput, termsInput } from './input-schemas';
import { idParams } from '../http/schemas';
import { type IssuedKeys, issuedKeysSchema } from './present-partner';

type ApproveDeps = AdmitDeps & ApplicantMailDeps;

/**
 * Returns the error for an application that cannot be decided because it does not exist or has already been decided.
 */
export async function undecidableError(
  { store }: Pick<ApiContext, 'store'>,
  applicationId: string,
): Promise<PublicError> {
  const application = await store.applications.get(applicationId);
  if (!application) return new PublicError('NOT_FOUND', 'Application not found. Check the ID.');
  const { status, partnerId } = application;
  return new PublicError(
    'CONFLICT',
    partnerId === undefined
      ? `The application is already ${status}.`
      : `The application is already ${status} as partner ${partnerId}. If the partner’s keys were lost, rotate them.`,
  );
}

/**
 * Approves a pending application and creates its partner. If this server sends email, also invites the contact address
 * as the first administrator, in the same transaction. Throws 404 if the application does not exist, and 409 if it has
 * already been decided. With `issueKeys: false`, the returned keys never work, and the administrator creates the first
 * ones.
 */
export async function approvePendingApplication(
  deps: ApproveDeps,
  applicationId: string,
  terms: TermsInput,
  auditContext: AuditContext,
  { issueKeys = true }: { issueKeys?: boolean } = {},
): Promise<IssuedKeys> {
  const { store, config } = deps;
  const sendsMail = config.mail.kind !== 'off';
  if (sendsMail) await requireMailSpace({ store });
  let mailIds: string[] = [];
  const approve = async (partnerId: PartnerId, session: StoreSession): Promise<ApplicationDoc> => {
    const decision = { status: 'APPROVED' as const, decidedAt: auditContext.at, partnerId };
    const approved = await store.applications.decide(applicationId, decision, session);
    if (!approved) throw await undecidableError(deps, applicationId);
    return approved;
  };
  const inviteContact = async ({ _id, contactEmail }: PartnerDoc, session: StoreSession): Promise<void> => {
    const invitedBy = config.operator.name ?? UNNAMED_OPERATOR;
    const invitation = { organization: _id, email: contactEmail, role: 'ADMINISTRATOR', invitedBy } as const;
    const mail = { reason: 'APPLICATION_APPROVED', auditContext } as const;
    mailIds = [(await insertInvitation(deps, invitation, mail, session)).mailId];
  };
  const steps = sendsMail ? { approve, welcome: inviteContact } : { approve };
  const issued = await admitPartner(deps, terms, auditContext, { ...steps, issueKeys });
  await wakeUpMails(deps, mailIds);
  return issued;
}

export const approveApplicationRoute = route({
  operationId: 'approveApplication',
  method: 'POST',
  path: '/admin/applications/:id/approve',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Approve an application and issue its keys',
  description:
    'If this server sends email, the contact address gets an invitation to become the first administrator of the partner. Anyone who reads this mailbox can accept it, so check the address with the applicant if `addressConfirmedAt` is null.',
  params: idParams,
  body: termsInput,
  answers: {
    201: { description: 'The keys of the new partner', schema: issuedKeysSchema, headers: ['Location'] },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'CONFLICT', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId, operator }) => {
    const issued = await approvePendingApplication(
      ctx,
      params.id,
      body,
      auditContextForOperator({ operator, requestId }),
    );
    return { status: 201, body: issued, headers: { Location: `/admin/partners/${issued.partnerId}` } };
  },
});
