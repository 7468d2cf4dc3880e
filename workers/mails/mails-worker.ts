import type { Runtime } from '../../shared/runtime';
import { mailsQueue } from '../../shared/queue/mail-queue';
import type { StartQueueWorker } from '../queue-worker';
import { createSendMail } from './send-mail';

/** Maximum number of emails sent in parallel. Each email uses a connection to the mail server. */
const CONCURRENCY = 5;
/**
 * Longer than a delivery through a slow mail server takes. If the lock expired during a delivery, the email could be
 * sent twice.
 */
const LOCK_MS = 60_000;
const STALLED_CHECK_MS = 30_000;

export interface MailsWorker {
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the worker that sends queued emails. Does nothing when email is off. */
export function startMailsWorker(runtime: Runtime, start: StartQueueWorker): MailsWorker {
  if (runtime.config.mail.kind === 'off') return { ready: () => Promise.resolve(), close: () => Promise.resolve() };
  const mailer = createSendMail(runtime);
  const worker = start(mailsQueue, (job) => mailer.send(job), {
    concurrency: CONCURRENCY,
    lockMs: LOCK_MS,
    stalledCheckMs: STALLED_CHECK_MS,
  });
  return {
    ready: async () => {
      await worker.waitUntilReady();
    },
    close: async () => {
      await worker.close();
      mailer.close();
    },
  };
}
