import { Worker } from 'bullmq';
import type { Ground } from '../../shared/ground';
import type { RedisLink } from '../../shared/queue/connect';
import { QUEUES } from '../../shared/queue/jobs';
import { createSendMail } from './send-mail';

/** Mails on their way at once; each holds a connection to the mail server. */
const CONCURRENCY = 5;
/** Longer than a mail server may take its time; a second mail would be the price of less. */
const LOCK_MS = 60_000;

export interface MailsWorker {
  ready(): Promise<void>;
  close(): Promise<void>;
}

/** Sends what waits in the mails queue. Where mails go nowhere nobody queues any, and nothing is started. */
export function startMailsWorker(ground: Ground, link: RedisLink, onGivenUp: () => void): MailsWorker {
  const { config, keys, log } = ground;
  if (config.mail.kind === 'off') return { ready: () => Promise.resolve(), close: () => Promise.resolve() };
  const mailer = createSendMail(ground);
  const worker = new Worker(QUEUES.mails, (job) => mailer.send(job), {
    ...link.bullmq,
    prefix: keys.queuePrefix(QUEUES.mails),
    concurrency: CONCURRENCY,
    lockDuration: LOCK_MS,
  });
  worker.on('error', (error) => log.warn({ err: error.message }, 'mails worker trouble'));
  worker.on('failed', (job, error) => {
    if (job?.finishedOn !== undefined) onGivenUp();
    log.warn({ jobId: job?.id, err: error.message }, 'a mail was not sent');
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
