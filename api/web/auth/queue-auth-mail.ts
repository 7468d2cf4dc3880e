import { encryptSecret } from '../../../shared/domain/encrypted-secret';
import { newId } from '../../../shared/domain/ids';
import { overloaded } from '../../../shared/errors';
import { MAX_WAITING_MAILS, wakeUpMails } from '../../../shared/mails/notify-partner';
import type { PersonMail } from '../../../shared/store/queued-mails';
import type { ApiContext } from '../../context';
import { storeWrite } from '../../db/transaction';

/**
 * Queues the email that `createMail` returns, with `next` in its link. Does nothing when `createMail` returns null.
 * Throws OVERLOADED before it calls `createMail` if too many emails are waiting, so that the error does not reveal
 * whether an address is known.
 */
export async function queueAuthMail(
  { store, mailQueue, secrets, log }: Pick<ApiContext, 'store' | 'mailQueue' | 'secrets' | 'log'>,
  createMail: () => Promise<PersonMail | null>,
  next: string | null,
): Promise<void> {
  if ((await storeWrite(store.queuedMails.count())) >= MAX_WAITING_MAILS) throw overloaded('MAILS_FULL', 60);
  const mail = await createMail();
  if (mail === null) return;
  const _id = newId('mail');
  const row = { _id, ...mail, ...(next !== null && { next: encryptSecret(secrets.mail, _id, next) }) };
  await storeWrite(store.queuedMails.insert(row, new Date()));
  await wakeUpMails({ mailQueue, log }, [_id]);
}
