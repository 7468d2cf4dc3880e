import type { PartnerId } from '../domain/ids';
import { newId } from '../domain/ids';
import { messageOf, overloaded } from '../errors';
import type { Log } from '../log';
import type { WakeUpQueue } from '../queue/wake-up-queue';
import type { NoticeReason } from '../store/queued-mails';
import type { Store, StoreSession } from '../store/store';

/** Maximum number of emails that wait. Reached only while the mail server is down. */
export const MAX_WAITING_MAILS = 10_000;

const MAILS_FULL_RETRY_AFTER_SECONDS = 60;

/** Throws 503 if too many emails are waiting. */
export async function requireMailSpace({ store }: { store: Pick<Store, 'queuedMails'> }): Promise<void> {
  if ((await store.queuedMails.count()) >= MAX_WAITING_MAILS) {
    throw overloaded('MAILS_FULL', MAILS_FULL_RETRY_AFTER_SECONDS);
  }
}

/** Wakes up the worker that sends an email. If this fails, a sweep finds the row. */
export async function wakeUpMails(
  { mailQueue, log }: { mailQueue: Pick<WakeUpQueue, 'add'>; log: Log },
  mailIds: readonly string[],
): Promise<void> {
  const waking = mailIds.map((id) =>
    mailQueue.add(id).catch((error: unknown) => log.warn({ err: messageOf(error) }, 'email wake-up failed')),
  );
  await Promise.all(waking);
}

/** Maximum number of administrators that an email goes to. */
const MAX_NOTIFIED = 10;

/**
 * Queues an email to a partner's administrators, or otherwise to its contact address, in the transaction of what
 * the email reports. Returns the
 * IDs to pass to `wakeUpMails` after the commit. Drops the email if too many are waiting, or if email is off.
 */
export async function insertNotice(
  { store, mails }: { store: Pick<Store, 'queuedMails' | 'members'>; mails: 'smtp' | 'outbox' | 'off' },
  { partnerId, reason, facts }: { partnerId: PartnerId; reason: NoticeReason; facts: Record<string, string> },
  session: StoreSession,
): Promise<string[]> {
  if (mails === 'off' || (await store.queuedMails.count()) >= MAX_WAITING_MAILS) return [];
  const administrators = await store.members.withRole(partnerId, 'ADMINISTRATOR', MAX_NOTIFIED);
  const recipients = administrators.length > 0 ? administrators.map((staffId) => ({ memberStaffId: staffId })) : [{}];
  const ids: string[] = [];
  for (const recipient of recipients) {
    const _id = newId('mail');
    ids.push(_id);
    await store.queuedMails.insert({ _id, reason, recipientId: partnerId, facts, ...recipient }, new Date(), session);
  }
  return ids;
}
