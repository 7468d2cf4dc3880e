import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { confirmAddress } from '../../api/partners/confirm-address';
import { applicationInput } from '../../api/partners/input-schemas';
import { submitApplication } from '../../api/partners/submit-application';
import { STORE_TIMEOUT_MS } from '../../shared/store/connect';
import type { Harness } from './harness';
import { anApplication } from './partners';

export interface SubmittedApplication {
  applicationId: string;
  contactEmail: string;
}

/** Submits an application with its own contact address, without a request. */
export async function submittedApplication({ ctx }: Pick<Harness, 'ctx'>): Promise<SubmittedApplication> {
  const contactEmail = `${randomUUID()}@harbour.example`;
  const auditContext = { actor: { kind: 'APPLICANT' as const }, requestId: randomUUID(), at: new Date() };
  const input = applicationInput.parse(anApplication({ contactEmail }));
  const { applicationId } = await submitApplication(ctx, input, auditContext, { mail: false });
  return { applicationId, contactEmail };
}

/** Submits an application and confirms its contact address. */
export async function confirmedApplication(harness: Pick<Harness, 'ctx'>): Promise<SubmittedApplication> {
  const submitted = await submittedApplication(harness);
  await confirmAddress(harness.ctx, submitted.applicationId, { requestId: randomUUID(), at: new Date() });
  return submitted;
}

/** Returns a secret like the one that is emailed to the contact address. */
export async function applicantSecret({ ctx }: Pick<Harness, 'ctx'>, applicationId: string): Promise<string> {
  const secret = randomBytes(32).toString('base64url');
  const hash = createHash('sha256').update(secret).digest('base64url');
  const { store } = ctx;
  await store.transaction(
    (session) => store.applications.addAddressToken(applicationId, hash, session),
    STORE_TIMEOUT_MS,
  );
  return secret;
}
