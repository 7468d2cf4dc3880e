import { z } from 'zod';
import { newId } from '../domain/ids';
import type { KeyedHash } from '../domain/subject';
import { overloaded } from '../errors';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { defineQueue } from './define-queue';

const mailSchema = z.object({
  /** The recipient's email address, in lowercase. */
  to: z.string().min(3),
  subject: z.string().min(1),
  text: z.string().min(1),
  html: z.string().min(1),
});
/** An email, ready to send. */
export type Mail = z.infer<typeof mailSchema>;

export const mailsQueue = defineQueue({
  name: 'mails',
  version: 1,
  schema: z.object({ mail: mailSchema }),
  /**
   * Attempts take place after 0 s, 5 s, 15 s, 35 s and so on. The last attempt takes place after about 43 minutes. If
   * it fails, the person must request a new email. Jobs are removed whether they succeed or fail, so no email addresses
   * remain in Redis.
   */
  options: {
    attempts: 10,
    backoff: { type: 'exponential', delay: 5_000 },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 0,
  },
});

/** How long a call to `forget` is remembered. Must exceed the time for which the worker retries an email. */
const FORGOTTEN_SECONDS = 2 * 3_600;
/**
 * Maximum number of waiting emails. The queue reaches this limit only while the mail server is down, and additional
 * emails would be outdated by the time the server is back.
 */
const MAX_WAITING_MAILS = 10_000;
const JOBS_PER_PAGE = 500;
const WAITING = ['waiting', 'delayed', 'prioritized'] as const;

export interface MailQueue {
  /** Queues an email. Throws OVERLOADED if too many emails are waiting or Redis is down. */
  add(mail: Mail): Promise<void>;
  /** Removes all queued emails to an address. An email that is already being sent is not retried. */
  forget(to: string): Promise<void>;
  close(): Promise<void>;
}

/** Returns the time in ms at which `forget` was last called for an address, or null if it was not called recently. */
export async function forgottenAt(link: RedisLink, keys: RedisKeys, addressHash: string): Promise<number | null> {
  const at = await link.client.get(keys.forgottenMails(addressHash));
  return at === null ? null : Number(at);
}

export function createMailQueue({
  link,
  keys,
  log,
  hashOf,
}: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  /** Hashes the email addresses in Redis keys. */
  hashOf: KeyedHash;
}): MailQueue {
  const mails = mailsQueue.open({ link, keys, log });
  const { queue } = mails;
  const throwUnavailable = (error: unknown): never => {
    throw overloaded('MAILS_UNAVAILABLE', 2, error);
  };

  async function removeWaiting(to: string): Promise<void> {
    for (let start = 0; ;) {
      const jobs = await queue.getJobs([...WAITING], start, start + JOBS_PER_PAGE - 1);
      let removed = 0;
      for (const job of jobs) {
        const parsed = mailsQueue.safeParse(job?.data);
        if (!parsed.success || parsed.data.mail.to !== to) continue;
        await job.remove().then(
          () => (removed += 1),
          () => undefined,
        );
      }
      if (jobs.length < JOBS_PER_PAGE) return;
      // Later jobs have moved up to replace the removed ones.
      start += Math.max(0, JOBS_PER_PAGE - removed);
    }
  }

  return {
    add: async (mail) => {
      const counts = await queue.getJobCounts(...WAITING).catch(throwUnavailable);
      if (Object.values(counts).reduce((sum, count) => sum + count, 0) >= MAX_WAITING_MAILS) {
        throw overloaded('MAILS_FULL', 60);
      }
      await mails.add({ mail }, { jobId: newId('mail') }).catch(throwUnavailable);
    },
    forget: async (to) => {
      const address = to.toLowerCase();
      await link.client
        .set(keys.forgottenMails(hashOf(address)), String(Date.now()), 'EX', FORGOTTEN_SECONDS)
        .then(() => removeWaiting(address))
        .catch(throwUnavailable);
    },
    close: () => mails.close(),
  };
}
