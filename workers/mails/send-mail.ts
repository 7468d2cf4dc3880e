import { type Job, UnrecoverableError } from 'bullmq';
import { createTransport } from 'nodemailer';
import type { Runtime } from '../../shared/runtime';
import { earlierMailOf, type Mail, mailRetryDelayMs, mailsQueue } from '../../shared/queue/mail-queue';
import { prepareMail } from './prepare-mail';

const CONNECT_TIMEOUT_MS = 5_000;
const SOCKET_TIMEOUT_MS = 10_000;
/** SMTP reply codes of 500 and above are permanent failures; a retry cannot succeed (RFC 5321, 4.2.1). */
const FIRST_PERMANENT_REPLY = 500;
/**
 * Commands whose rejection concerns only this email. If an earlier command is rejected, the settings are probably
 * wrong.
 */
const PER_EMAIL_COMMANDS = new Set(['RCPT TO', 'DATA']);

/** Prevents out-of-office replies (RFC 3834). */
const HEADERS = { 'Auto-Submitted': 'auto-generated' };

/** Delivers one email. Resolves when the next email may be sent. */
type Deliver = (mail: Mail, id: string) => Promise<void>;

/** Returns an error without the mail server's message, which usually repeats the email address. */
function redactedError(error: unknown): Error {
  const { code, command, responseCode } = error as { code?: string; command?: string; responseCode?: number };
  const text = `email delivery failed: ${code ?? 'no code'} ${responseCode ?? ''}`.trim();
  const isPermanent = (responseCode ?? 0) >= FIRST_PERMANENT_REPLY && PER_EMAIL_COMMANDS.has(command ?? '');
  return isPermanent ? new UnrecoverableError(text) : new Error(text);
}

function bySmtp(url: string, from: string): { deliver: Deliver; close: () => void } {
  const transport = createTransport(
    {
      url,
      pool: true,
      connectionTimeout: CONNECT_TIMEOUT_MS,
      greetingTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SOCKET_TIMEOUT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    { from },
  );
  return {
    deliver: async ({ to, subject, text, html }, id) => {
      const domain = from.replace(/^.*@|>.*$/g, '');
      // An object, because a string would be parsed as a list of addresses.
      const mail = { to: { name: '', address: to }, subject, text, html, headers: HEADERS };
      // Every attempt has the same ID, so that a server whose reply was lost can recognize the duplicate.
      await transport.sendMail({ ...mail, messageId: `<${id}@${domain}>` }).catch((error: unknown) => {
        throw redactedError(error);
      });
    },
    close: () => transport.close(),
  };
}

/** Creates the mailer, which sends emails over SMTP or stores them for the outbox page. */
export function createSendMail(runtime: Pick<Runtime, 'config' | 'secrets' | 'store'>) {
  const { config, store } = runtime;
  const smtp = config.mail.kind === 'smtp' ? bySmtp(config.mail.url, config.mail.from) : null;
  const deliver: Deliver =
    smtp?.deliver ??
    (({ to, subject, text }, id) => store.outboxMails.put({ _id: id, to, subject, text, createdAt: new Date() }));

  return {
    /** Sends the email of a job, unless it was dropped after the job was queued. Retries depend on the job's options. */
    send: async (job: Pick<Job, 'id' | 'data' | 'attemptsMade'>): Promise<void> => {
      const earlier = earlierMailOf(job.data);
      if (earlier !== null) {
        if ((await store.identities.byEmail(earlier.to)) !== null) await deliver(earlier, job.id!);
        return;
      }
      const { id } = mailsQueue.parse(job);
      const mail = await prepareMail(runtime, id);
      if (mail === null) return;
      try {
        await deliver(mail, id);
      } catch (error) {
        const failures = job.attemptsMade + 1;
        const isLast = error instanceof UnrecoverableError || failures >= mailsQueue.options.attempts;
        await (isLast
          ? store.queuedMails.drop(id)
          : store.queuedMails.recordFailure(id, new Date(), mailRetryDelayMs(failures)));
        throw error;
      }
      await store.queuedMails.drop(id);
    },
    close: () => smtp?.close(),
  };
}
