import { z } from 'zod';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { type AuditContext, auditContextForAdmin, auditEntry } from '../db/audit-context';
import { undecidableError } from './approve-application';
import { transaction } from '../db/transaction';
import { idParams, reasonSchema } from '../http/schemas';
import { applicationSchema, presentApplication, type PresentedApplication } from './present-application';

/**
 * Permanently rejects a pending application. Throws 404 if the application does not exist, and 409 if it has already
 * been decided.
 */
export function rejectPendingApplication(
  { store }: Pick<ApiContext, 'store'>,
  applicationId: string,
  { reason }: { reason?: string | undefined },
  auditContext: AuditContext,
): Promise<PresentedApplication> {
  return transaction({ store }, async (session) => {
    const decision = {
      status: 'REJECTED' as const,
      decidedAt: auditContext.at,
      ...(reason === undefined ? {} : { reason }),
    };
    const rejected = await store.applications.decide(applicationId, decision, session);
    if (!rejected) throw await undecidableError({ store }, applicationId);
    const entry = {
      partnerId: null,
      action: 'application.rejected',
      target: applicationId,
      reason,
      after: { status: 'REJECTED' },
    };
    await store.audit.append(auditEntry(auditContext, entry), session);
    return presentApplication(rejected);
  });
}

export const rejectApplicationRoute = route({
  operationId: 'rejectApplication',
  method: 'POST',
  path: '/admin/applications/:id/reject',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Reject an application',
  params: idParams,
  body: z.strictObject({ reason: reasonSchema.optional() }).meta({ id: 'RejectApplicationRequest' }),
  answers: { 200: { description: 'The rejected application', schema: applicationSchema } },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'CONFLICT', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId }) => ({
    status: 200,
    body: await rejectPendingApplication(ctx, params.id, body, auditContextForAdmin({ requestId })),
  }),
});
