import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { type AuditContext, auditContextForAdmin } from '../db/audit-context';
import { type AdmitDeps, admitPartner } from './admit-partner';
import { type TermsInput, termsInput } from './input-schemas';
import { idParams } from '../http/schemas';
import { type IssuedKeys, issuedKeysSchema } from './present-partner';

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
 * Approves a pending application and creates its partner. Throws 404 if the application does not exist, and 409 if it
 * has already been decided.
 */
export function approvePendingApplication(
  deps: AdmitDeps,
  applicationId: string,
  terms: TermsInput,
  auditContext: AuditContext,
): Promise<IssuedKeys> {
  return admitPartner(deps, terms, auditContext, async (partnerId, session) => {
    const decision = { status: 'APPROVED' as const, decidedAt: auditContext.at, partnerId };
    const approved = await deps.store.applications.decide(applicationId, decision, session);
    if (!approved) throw await undecidableError(deps, applicationId);
    return approved;
  });
}

export const approveApplicationRoute = route({
  operationId: 'approveApplication',
  method: 'POST',
  path: '/admin/applications/:id/approve',
  auth: { kind: 'admin' },
  tag: 'Operator',
  summary: 'Approve an application and issue its keys',
  params: idParams,
  body: termsInput,
  answers: {
    201: { description: 'The keys of the new partner', schema: issuedKeysSchema, headers: ['Location'] },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'CONFLICT', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId }) => {
    const issued = await approvePendingApplication(ctx, params.id, body, auditContextForAdmin({ requestId }));
    return { status: 201, body: issued, headers: { Location: `/admin/partners/${issued.partnerId}` } };
  },
});
