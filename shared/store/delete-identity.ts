import type { ClientSession } from 'mongoose';
import type { Store } from './store';

type Collections = Pick<
  Store,
  'identities' | 'identitySessions' | 'identityAccounts' | 'identityVerifications' | 'queuedMails' | 'outboxMails'
>;

/** Deletes an identity with its sessions, accounts, verifications and emails, but not its links. */
export async function deleteIdentityDocs(
  store: Collections,
  identityId: string,
  email: string,
  session: ClientSession,
): Promise<void> {
  await store.identitySessions.model.deleteMany({ userId: identityId }, { session });
  await store.identityAccounts.model.deleteMany({ userId: identityId }, { session });
  await store.identityVerifications.model.deleteMany({ value: identityId }, { session });
  await store.queuedMails.dropAll(identityId, session);
  await store.outboxMails.model.deleteMany({ to: email.toLowerCase() }, { session });
  await store.identities.model.deleteOne({ _id: identityId }, { session });
}
