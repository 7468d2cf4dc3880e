import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { defineQueue } from './define-queue';

/** Kills have their own queue, so they never wait behind a burst of events. */
export const cascadesQueue = defineQueue({
  name: 'cascades',
  version: 1,
  schema: z.object({ cascadeId: z.string().min(1) }),
  /**
   * Finished jobs are not kept, because MongoDB stores each cascade's state and a sweep re-adds jobs for open cascades.
   */
  options: {
    attempts: 5,
    backoff: { type: 'exponential', delay: 500 },
    removeOnComplete: true,
    removeOnFail: true,
  },
});

export interface CascadeQueue {
  /** Wakes up a worker for an open cascade. Idempotent. */
  add(cascadeId: string): Promise<void>;
  close(): Promise<void>;
}

/** Creates a producer for the cascades queue. */
export function createCascadeQueue(deps: { link: RedisLink; keys: RedisKeys; log: Log }): CascadeQueue {
  const cascades = cascadesQueue.open(deps);
  return {
    add: async (cascadeId) => cascades.add({ cascadeId }, { jobId: cascadeId }),
    close: () => cascades.close(),
  };
}
