import { encryptSecret } from '../../../shared/domain/encrypted-secret';
import { newId } from '../../../shared/domain/ids';
import { messageOf, overloaded } from '../../../shared/errors';
import type { AuthMail } from '../../accounts/auth';
import type { ApiContext } from '../../context';
import { storeWrite } from '../../db/transaction';

/**
 * Maximum number of waiting emails. This limit is reached only while the mail server is down, and additional emails
 * would be outdated by the time the server is back.
 */
const MAX_WAITING_MAILS = 10_000;

/**
 * Queues the email that `createMail` returns, with `next` in its link. Does nothing when `createMail` returns null.
 * Throws OVERLOADED before it calls `createMail` if too many emails are waiting, so that the error does not reveal
 * whether an address is known.
 */
export async function queueAuthMail(
  { store, mailQueue, secrets, log }: Pick<ApiContext, 'store' | 'mailQueue' | 'secrets' | 'log'>,
  createMail: () => Promise<AuthMail | null>,
  next: string | null,
): Promise<void> {
  if ((await storeWrite(store.queuedMails.count())) >= MAX_WAITING_MAILS) throw overloaded('MAILS_FULL', 60);
  const mail = await createMail();
  if (mail === null) return;
  const _id = newId('mail');
  const row = { _id, ...mail, ...(next !== null && { next: encryptSecret(secrets.mail, _id, next) }) };
  await storeWrite(store.queuedMails.insert(row, new Date()));
  // If this fails, a sweep finds the row.
  await mailQueue.add(_id).catch((error: unknown) => log.warn({ err: messageOf(error) }, 'email wake-up failed'));
}
