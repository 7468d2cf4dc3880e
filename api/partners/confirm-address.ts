import { createHash } from 'node:crypto';
import type { ApplicationDoc } from '../../shared/store/applications';
import type { ApiContext } from '../context';
import { auditEntry } from '../db/audit-context';
import { transaction } from '../db/transaction';

/** The form of an emailed secret. Any other text does not cause a lookup. */
const SECRET = /^[\w-]{43}$/;

type Deps = Pick<ApiContext, 'store'>;

/** Returns the application that an emailed secret belongs to, or null if there is none or its link has expired. */
export async function findByMailedSecret({ store }: Deps, secret: string): Promise<ApplicationDoc | null> {
  if (!SECRET.test(secret)) return null;
  return store.applications.byAddressToken(createHash('sha256').update(secret).digest('base64url'), new Date());
}

/** Records that the owner of the contact address confirmed it. Does nothing if it already is confirmed. */
export async function confirmAddress(
  { store }: Deps,
  applicationId: string,
  { requestId, at }: { requestId: string; at: Date },
): Promise<void> {
  await transaction({ store }, async (session) => {
    if (!(await store.applications.confirmAddress(applicationId, at, session))) return;
    const facts = { partnerId: null, action: 'application.address_confirmed', target: applicationId };
    await store.audit.append(auditEntry({ actor: { kind: 'APPLICANT' }, requestId, at }, facts), session);
  });
}
