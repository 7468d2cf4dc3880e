import { PublicError } from '../http/public-error';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { type AuditContext, auditContextForAdmin } from '../db/audit-context';
import { type AdmitDeps, admitPartner } from './admit-partner';
import { type TermsInput, termsInput } from './input-schemas';
import { idParams } from '../http/schemas';
import { type IssuedKeys, issuedKeysSchema } from './present-partner';

/** Why an application cannot be decided: it is unknown, or decided already. */
export async function whyUndecidable(
  { store }: Pick<ApiContext, 'store'>,
  applicationId: string,
): Promise<PublicError> {
  const application = await store.applications.get(applicationId);
  if (!application) return new PublicError('NOT_FOUND', 'There is no such application.');
  const { status, partnerId } = application;
  return new PublicError(
    'CONFLICT',
    partnerId === undefined
      ? `The application is ${status} already.`
      : `The application is ${status} already, as partner ${partnerId}. Were its keys lost, rotate them.`,
  );
}

/** Approves a pending application: its partner comes to be, with one key per environment. */
export function approvePendingApplication(
  deps: AdmitDeps,
  applicationId: string,
  terms: TermsInput,
  auditContext: AuditContext,
): Promise<IssuedKeys> {
  return admitPartner(deps, terms, auditContext, async (partnerId, session) => {
    const decision = { status: 'APPROVED' as const, decidedAt: auditContext.at, partnerId };
    const approved = await deps.store.applications.decide(applicationId, decision, session);
    if (!approved) throw await whyUndecidable(deps, applicationId);
    return approved;
  });
}

/** `POST /admin/applications/:id/approve`: the keys are shown this once. */
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
    201: { description: 'The new partner and its keys, shown once', schema: issuedKeysSchema, headers: ['Location'] },
  },
  problems: ['INVALID_JSON', 'VALIDATION_FAILED', 'NOT_FOUND', 'CONFLICT', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, params, body, requestId }) => {
    const issued = await approvePendingApplication(ctx, params.id, body, auditContextForAdmin({ requestId }));
    return { status: 201, body: issued, headers: { Location: `/admin/partners/${issued.partnerId}` } };
  },
});
