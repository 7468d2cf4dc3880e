import { newId } from '../../shared/domain/ids';
import type { ApplicantMail } from '../../shared/store/queued-mails';
import type { StoreSession } from '../../shared/store/store';
import type { ApiContext } from '../context';

/** What emails to applicants need. */
export type ApplicantMailDeps = Pick<ApiContext, 'store' | 'config' | 'log' | 'mailQueue'>;

/**
 * Queues an email to an application's contact address in a transaction. Returns the ID to pass to `wakeUpMails` after
 * the commit.
 */
export async function insertApplicantMail(
  { store }: Pick<ApplicantMailDeps, 'store'>,
  mail: ApplicantMail,
  at: Date,
  session: StoreSession,
): Promise<string> {
  const _id = newId('mail');
  await store.queuedMails.insert({ _id, ...mail }, at, session);
  return _id;
}
