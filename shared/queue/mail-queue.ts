import { z } from 'zod';
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

/** Payload of version 1, which contained the email itself. */
const earlierSchema = z.object({ v: z.literal(1), mail: mailSchema });

/**
 * Jobs that wake up a worker for a row in `queued_mails`. Version 1 jobs contained the email; `earlierMailOf` returns
 * it, so that emails queued by processes of the earlier version are still sent during a rollout.
 */
export const mailsQueue = defineQueue({
  name: 'mails',
  version: 2,
  schema: z.object({ id: z.string().min(1) }),
  older: { 1: earlierSchema.transform(() => ({ id: 'none' })) },
  /**
   * Attempts take place after 0 s, 5 s, 15 s, 35 s and so on. The last attempt takes place after about 43 minutes. If
   * it fails, the person must request a new email.
   */
  options: {
    attempts: 10,
    backoff: { type: 'exponential', delay: 5_000 },
    removeOnComplete: true,
    removeOnFail: true,
    stackTraceLimit: 0,
  },
});

/** Returns the email in a version 1 job, or null for a job of the current version. */
export function earlierMailOf(data: unknown): Mail | null {
  const read = earlierSchema.safeParse(data);
  return read.success ? read.data.mail : null;
}

/** Returns the time after which the queue retries a job that has failed `failures` times, in ms. */
export function mailRetryDelayMs(failures: number): number {
  return mailsQueue.options.backoff.delay * 2 ** (failures - 1);
}
