import { z } from 'zod';
import { newId } from '../../shared/domain/ids';
import { PublicError } from '../http/public-error';
import type { ApplicationDoc } from '../../shared/store/applications';
import type { ApiContext } from '../context';
import { route } from '../http/route';
import { throttle, throttledAddress, type ThrottleRule } from '../http/throttle';
import { type AuditContext, auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';
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

/** Stores an application for operators to decide. Throws 503 if too many are pending. */
export async function submitApplication(
  { store }: Pick<ApiContext, 'store'>,
  input: ApplicationInput,
  auditContext: AuditContext,
): Promise<{ applicationId: string; status: 'PENDING' }> {
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
  await transaction({ store }, async (session) => {
    await store.applications.insert(application, session);
    await store.audit.append(entry, session);
  });
  return { applicationId: application._id, status: 'PENDING' };
}

export const submitApplicationRoute = route({
  operationId: 'submitApplication',
  method: 'POST',
  path: '/partners/applications',
  auth: { kind: 'public' },
  tag: 'Partners',
  summary: 'Apply to become a partner',
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
  handle: async ({ ctx, body, ip, requestId }) => {
    await throttle(ctx, BY_ADDRESS).take(throttledAddress(ip));
    const auditContext: AuditContext = { actor: { kind: 'APPLICANT' }, requestId, at: new Date() };
    return { status: 202, body: await submitApplication(ctx, body, auditContext) };
  },
});
