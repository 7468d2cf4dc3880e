import { type JobsOptions, Queue } from 'bullmq';
import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import { QUEUES } from './jobs';
import type { RedisKeys } from '../redis/keys';

export const cascadeJobSchema = z.object({ v: z.literal(1), cascadeId: z.string().min(1) });

/** The store's row is the truth and a sweep adds open cascades again, so no finished job is kept. */
const CASCADE_JOB_OPTIONS = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 500 },
  removeOnComplete: true,
  removeOnFail: true,
} satisfies JobsOptions;

export interface CascadeQueue {
  queue: Queue;
  /** Wakes up a worker for an open cascade. A repeated add is harmless. */
  add(cascadeId: string): Promise<void>;
  close(): Promise<void>;
}

/** Kills have a queue of their own: a burst of events never stands before one. */
export function createCascadeQueue({ link, keys, log }: { link: RedisLink; keys: RedisKeys; log: Log }): CascadeQueue {
  const queue = new Queue(QUEUES.cascades, {
    ...link.bullmq,
    prefix: keys.queuePrefix(QUEUES.cascades),
    skipMetasUpdate: true,
  });
  queue.on('error', (error) => log.warn({ err: error.message }, 'cascades queue trouble'));
  return {
    queue,
    add: async (cascadeId) => {
      await queue.add(QUEUES.cascades, { v: 1, cascadeId }, { ...CASCADE_JOB_OPTIONS, jobId: cascadeId });
    },
    close: () => queue.close(),
  };
}
