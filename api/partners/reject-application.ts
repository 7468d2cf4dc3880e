import { z } from 'zod';
import { requireMailSpace, wakeUpMails } from '../../shared/mails/notify-partner';
import { route } from '../http/route';
import { type AuditContext, auditContextForOperator, auditEntry } from '../db/audit-context';
import { type ApplicantMailDeps, insertApplicantMail } from './applicant-mail';
import { undecidableError } from './approve-application';
import { transaction } from '../db/transaction';
import { idParams, reasonSchema } from '../http/schemas';
import { applicationSchema, presentApplication, type PresentedApplication } from './present-application';

/**
 * Permanently rejects a pending application. If this server sends email, the contact address gets the decision and the
 * reason. Throws 404 if the application does not exist, and 409 if it has already been decided.
 */
export async function rejectPendingApplication(
  { store, config, log, mailQueue }: ApplicantMailDeps,
  applicationId: string,
  { reason }: { reason?: string | undefined },
  auditContext: AuditContext,
): Promise<PresentedApplication> {
  const sendsMail = config.mail.kind !== 'off';
  if (sendsMail) await requireMailSpace({ store });
  const { rejected, mailIds } = await transaction({ store }, async (session) => {
    const decision = {
      status: 'REJECTED' as const,
      decidedAt: auditContext.at,
      ...(reason === undefined ? {} : { reason }),
    };
    const decided = await store.applications.decide(applicationId, decision, session);
    if (!decided) throw await undecidableError({ store }, applicationId);
    const entry = {
      partnerId: null,
      action: 'application.rejected',
      target: applicationId,
      reason,
      after: { status: 'REJECTED' },
    };
    await store.audit.append(auditEntry(auditContext, entry), session);
    const mail = { reason: 'APPLICATION_REJECTED', applicationId } as const;
    const ids = sendsMail ? [await insertApplicantMail({ store }, mail, auditContext.at, session)] : [];
    return { rejected: decided, mailIds: ids };
  });
  await wakeUpMails({ mailQueue, log }, mailIds);
  return presentApplication(rejected);
}

export const rejectApplicationRoute = route({
  operationId: 'rejectApplication',
  method: 'POST',
  path: '/admin/applications/:id/reject',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Reject an application',
  params: idParams,
  body: z
    .strictObject({
      reason: reasonSchema
        .optional()
        .describe(
          'Reason to record in the audit log. The applicant gets it, too: by email, and with the status of the application.',
        ),
    })
    .meta({ id: 'RejectApplicationRequest' }),
  answers: { 200: { description: 'The rejected application', schema: applicationSchema } },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'CONFLICT', 'OVERLOADED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId, operator }) => ({
    status: 200,
    body: await rejectPendingApplication(ctx, params.id, body, auditContextForOperator({ operator, requestId })),
  }),
});
