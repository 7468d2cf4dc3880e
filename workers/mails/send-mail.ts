import { type Job, UnrecoverableError } from 'bullmq';
import { createTransport } from 'nodemailer';
import type { Runtime } from '../../shared/runtime';
import { forgottenAt, type Mail, mailsQueue } from '../../shared/queue/mail-queue';

const CONNECT_TIMEOUT_MS = 5_000;
const SOCKET_TIMEOUT_MS = 10_000;
/** SMTP replies to a mail from here on are final: the server will not take it later either. */
const FIRST_FINAL_REPLY = 500;
/** Commands whose rejection concerns this mail. Rejections of earlier commands concern our settings. */
const ABOUT_THE_MAIL = new Set(['RCPT TO', 'DATA']);

/** Keeps out-of-office replies from coming back (RFC 3834). */
const ANSWERED_BY_NOBODY = { 'Auto-Submitted': 'auto-generated' };

/** Takes one mail away; settles when the next one may come. */
type Deliver = (mail: Mail, id: string) => Promise<void>;

/** A mail server's refusal without the address that its words repeat. */
function harmless(error: unknown): Error {
  const { code, command, responseCode } = error as { code?: string; command?: string; responseCode?: number };
  const text = `the mail server refused: ${code ?? 'no code'} ${responseCode ?? ''}`.trim();
  const isFinal = (responseCode ?? 0) >= FIRST_FINAL_REPLY && ABOUT_THE_MAIL.has(command ?? '');
  return isFinal ? new UnrecoverableError(text) : new Error(text);
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
      const mail = { to, subject, text, html, headers: ANSWERED_BY_NOBODY };
      // The same id at each try: a server that took the mail, but whose answer was lost, can tell the repeat.
      await transport.sendMail({ ...mail, messageId: `<${id}@${domain}>` }).catch((error: unknown) => {
        throw harmless(error);
      });
    },
    close: () => transport.close(),
  };
}

/** How this process sends mails: by SMTP, or into the outbox that a page shows. */
export function createSendMail({
  config,
  keys,
  secrets,
  store,
  queueLink,
}: Pick<Runtime, 'config' | 'keys' | 'secrets' | 'store' | 'queueLink'>) {
  const smtp = config.mail.kind === 'smtp' ? bySmtp(config.mail.url, config.mail.from) : null;
  const deliver: Deliver =
    smtp?.deliver ??
    (({ to, subject, text }, id) => store.outboxMails.put({ _id: id, to, subject, text, createdAt: new Date() }));

  return {
    /** Sends the mail of a job, unless its address was forgotten meanwhile. */
    send: async (job: Pick<Job, 'id' | 'data' | 'timestamp'>): Promise<void> => {
      const { mail } = mailsQueue.parse(job);
      const forgotten = await forgottenAt(queueLink, keys, secrets.throttle(mail.to));
      if (forgotten !== null && job.timestamp <= forgotten) return;
      await deliver(mail, job.id!);
    },
    close: () => smtp?.close(),
  };
}
