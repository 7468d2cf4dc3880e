import type { Runtime } from '../../shared/runtime';
import { mailsQueue } from '../../shared/queue/mail-queue';
import type { StartQueueWorker } from '../queue-worker';
import { createSendMail } from './send-mail';

/** Mails on their way at once; each holds a connection to the mail server. */
const CONCURRENCY = 5;
/** Longer than a mail server may take its time; a second mail would be the price of less. */
const LOCK_MS = 60_000;
const STALLED_CHECK_MS = 30_000;
/** Whoever's worker crashed twice at one mail asks again: nobody should get it at every crash. */
const MAX_STALLED_COUNT = 1;

export interface MailsWorker {
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Sends what waits in the mails queue. Where mails go nowhere nobody queues any, and nothing is started. */
export function startMailsWorker(runtime: Runtime, start: StartQueueWorker): MailsWorker {
  if (runtime.config.mail.kind === 'off') return { ready: () => Promise.resolve(), close: () => Promise.resolve() };
  const mailer = createSendMail(runtime);
  const worker = start(mailsQueue, (job) => mailer.send(job), {
    concurrency: CONCURRENCY,
    lockMs: LOCK_MS,
    stalledCheckMs: STALLED_CHECK_MS,
    maxStalledCount: MAX_STALLED_COUNT,
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
