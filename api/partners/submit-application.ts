import { z } from 'zod';
import { newId } from '../../shared/domain/ids';
import { APPLICATION_LINK_DAYS } from '../../shared/domain/mailed-link';
import { MirError } from '../../shared/errors';
import { requireMailSpace, wakeUpMails } from '../../shared/mails/notify-partner';
import { PublicError } from '../http/public-error';
import type { ApplicationDoc } from '../../shared/store/applications';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { throttle, throttledAddress, type ThrottleRule } from '../http/throttle';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
import { type ApplicantMailDeps, insertApplicantMail } from './applicant-mail';
import { type ApplicationInput, applicationInput } from './input-schemas';

/** Maximum number of pending applications. Concurrent submissions may exceed this limit slightly. */
export const MAX_PENDING_APPLICATIONS = 10_000;
const FULL_RETRY_AFTER_SECONDS = 3_600;

/** Maximum number of applications per IP address. */
export const MAX_APPLICATIONS_PER_HOUR = 5;

const BY_ADDRESS: ThrottleRule = {
  name: 'applications',
  points: MAX_APPLICATIONS_PER_HOUR,
  seconds: 3_600,
  rejection: `Too many applications from your IP address. The limit is ${MAX_APPLICATIONS_PER_HOUR} per hour.`,
};

/** Maximum number of emails to one contact address, which the applicant may not own. */
export const MAX_APPLICATION_MAILS_PER_HOUR = 5;

/** Beyond this limit, applications are stored without an email, so that a stranger cannot keep the owner of an address from applying. */
const MAILS_BY_CONTACT: ThrottleRule = {
  name: 'application-mails',
  points: MAX_APPLICATION_MAILS_PER_HOUR,
  seconds: 3_600,
  rejection: 'Too many applications with this email address.',
};

/** Counts an email to a contact address. Returns false if the address got too many. */
async function mayMail(ctx: ApiContext, contactEmail: string): Promise<boolean> {
  try {
    await throttle(ctx, MAILS_BY_CONTACT).take(ctx.secrets.throttle(contactEmail.toLowerCase()));
    return true;
  } catch (error) {
    if (error instanceof MirError && error.code === 'RATE_LIMITED') return false;
    throw error;
  }
}

/**
 * Stores an application for operators to decide, and queues an email with which the applicant confirms the contact
 * address. Throws 503 if too many applications are pending or too many emails are waiting.
 */
export async function submitApplication(
  { store, config, log, mailQueue }: ApplicantMailDeps,
  input: ApplicationInput,
  auditContext: AuditContext,
  { mail = true }: { mail?: boolean } = {},
): Promise<{ applicationId: string; status: 'PENDING' }> {
  const sendsMail = mail && config.mail.kind !== 'off';
  if (sendsMail) await requireMailSpace({ store });
  if ((await store.applications.countPending()) >= MAX_PENDING_APPLICATIONS) {
    throw new PublicError('OVERLOADED', 'Too many applications are awaiting a decision. Try again later.', {
      retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
    });
  }
  const application: ApplicationDoc = { _id: newId('app'), ...input, status: 'PENDING', createdAt: auditContext.at };
  const entry = auditEntry(auditContext, {
    partnerId: null,
    action: 'application.submitted',
    target: application._id,
    after: { status: 'PENDING' },
  });
  const mailIds = await transaction({ store }, async (session) => {
    await store.applications.insert(application, session);
    await store.audit.append(entry, session);
    const confirmation = { reason: 'CONFIRM_APPLICATION', applicationId: application._id } as const;
    return sendsMail ? [await insertApplicantMail({ store }, confirmation, auditContext.at, session)] : [];
  });
  await wakeUpMails({ mailQueue, log }, mailIds);
  return { applicationId: application._id, status: 'PENDING' };
}

/**
 * Submits an application of someone without an account. Counts it by client address and, for the email, by contact
 * address. Throws 429 if the client address sent too many.
 */
export async function submitOwnApplication(
  ctx: ApiContext,
  input: ApplicationInput,
  { ip, requestId }: { ip: string; requestId: string },
): Promise<{ applicationId: string; status: 'PENDING' }> {
  await throttle(ctx, BY_ADDRESS).take(throttledAddress(ip));
  const auditContext: AuditContext = { actor: { kind: 'APPLICANT' }, requestId, at: new Date() };
  const mail = ctx.config.mail.kind !== 'off' && (await mayMail(ctx, input.contactEmail));
  return submitApplication(ctx, input, auditContext, { mail });
}

export const submitApplicationRoute = route({
  operationId: 'submitApplication',
  method: 'POST',
  path: '/partners/applications',
  auth: { kind: 'public' },
  tag: 'Partners',
  summary: 'Apply to become a partner',
  description: `Sends an email to the contact address with a link that confirms the address and shows the status. The link can be used for ${APPLICATION_LINK_DAYS} days. To get another email, apply again. An address gets at most ${MAX_APPLICATION_MAILS_PER_HOUR} of these emails per hour. If this server sends no email, the operator tells you the decision.`,
  body: applicationInput,
  answers: {
    202: {
      description: 'The application, for an operator to approve or reject',
      schema: z
        .object({ applicationId: z.string(), status: z.literal('PENDING') })
        .meta({ id: 'SubmittedApplication' }),
    },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'RATE_LIMITED', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, body, ip, requestId }) => ({
    status: 202,
    body: await submitOwnApplication(ctx, body, { ip, requestId }),
  }),
});
