import { type JobsOptions, Queue } from 'bullmq';
import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { QueueName } from './jobs';
import type { RedisKeys } from '../redis/keys';

/** A job that only names a row of the store, which is the truth. */
export const wakeUpJobSchema = z.object({ v: z.literal(1), id: z.string().min(1) });

/** A sweep adds open rows again, so a wake-up is tried once and not kept. */
const WAKE_UP_JOB_OPTIONS = { attempts: 1, removeOnComplete: true, removeOnFail: true } satisfies JobsOptions;

export interface WakeUpQueue {
  queue: Queue;
  /** Says that a row has work, at its n-th try, now or in a while. Repeating it is harmless. */
  add(id: string, later?: { attempt: number; delayMs: number }): Promise<void>;
  close(): Promise<void>;
}

/** A queue of wake-ups: what is lost in it is found again in the store. */
export function createWakeUpQueue(
  name: QueueName,
  { link, keys, log }: { link: RedisLink; keys: RedisKeys; log: Log },
): WakeUpQueue {
  const queue = new Queue(name, { ...link.bullmq, prefix: keys.queuePrefix(name), skipMetasUpdate: true });
  queue.on('error', (error) => log.warn({ err: error.message }, `${name} queue trouble`));
  return {
    queue,
    add: async (id, { attempt, delayMs } = { attempt: 0, delayMs: 0 }) => {
      await queue.add(name, { v: 1, id }, { ...WAKE_UP_JOB_OPTIONS, jobId: `${id}-${attempt}`, delay: delayMs });
    },
    close: () => queue.close(),
  };
}
