import { z } from 'zod';
import { newId } from '../domain/ids';
import type { KeyedHash } from '../domain/subject';
import { overloaded } from '../errors';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { defineQueue } from './define-queue';

const mailSchema = z.object({
  /** Lower case. */
  to: z.string().min(3),
  subject: z.string().min(1),
  text: z.string().min(1),
  html: z.string().min(1),
});
/** One mail, ready to be sent. */
export type Mail = z.infer<typeof mailSchema>;

export const mailsQueue = defineQueue({
  name: 'mails',
  version: 1,
  schema: z.object({ mail: mailSchema }),
  /** Tries at 0 s, 5 s, 15 s, 35 s, … the last after 43 minutes; then the person asks again. No address stays behind. */
  options: {
    attempts: 10,
    backoff: { type: 'exponential', delay: 5_000 },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 0,
  },
});

/** Longer than any mail is tried. */
const FORGOTTEN_SECONDS = 2 * 3_600;
/** More wait only while the mail server is away, and then nobody reads them any more. */
const MAX_WAITING_MAILS = 10_000;
const JOBS_PER_LOOK = 500;
const WAITING = ['waiting', 'delayed', 'prioritized'] as const;

export interface MailQueue {
  /** Queues a mail. Throws 503 when too many wait, or nobody can take it. */
  add(mail: Mail): Promise<void>;
  /** Removes what waits for an address; what is being sent at this moment is not tried again. */
  forget(to: string): Promise<void>;
  close(): Promise<void>;
}

/** When mails to an address were forgotten, ms; null when they were not. */
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
  /** Hides addresses in keys. */
  hashOf: KeyedHash;
}): MailQueue {
  const mails = mailsQueue.open({ link, keys, log });
  const { queue } = mails;
  const cannot = (error: unknown): never => {
    throw overloaded('MAILS_UNAVAILABLE', 2, error);
  };

  async function removeWaiting(to: string): Promise<void> {
    for (let start = 0; ;) {
      const jobs = await queue.getJobs([...WAITING], start, start + JOBS_PER_LOOK - 1);
      let removed = 0;
      for (const job of jobs) {
        const parsed = mailsQueue.safeParse(job?.data);
        if (!parsed.success || parsed.data.mail.to !== to) continue;
        await job.remove().then(
          () => (removed += 1),
          () => undefined,
        );
      }
      if (jobs.length < JOBS_PER_LOOK) return;
      // Those behind the removed ones have moved up.
      start += Math.max(0, JOBS_PER_LOOK - removed);
    }
  }

  return {
    add: async (mail) => {
      const counts = await queue.getJobCounts(...WAITING).catch(cannot);
      if (Object.values(counts).reduce((sum, count) => sum + count, 0) >= MAX_WAITING_MAILS) {
        throw overloaded('MAILS_FULL', 60);
      }
      await mails.add({ mail }, { jobId: newId('mail') }).catch(cannot);
    },
    forget: async (to) => {
      const address = to.toLowerCase();
      await link.client
        .set(keys.forgottenMails(hashOf(address)), String(Date.now()), 'EX', FORGOTTEN_SECONDS)
        .then(() => removeWaiting(address))
        .catch(cannot);
    },
    close: () => mails.close(),
  };
}
