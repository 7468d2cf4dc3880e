import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { defineQueue } from './define-queue';

/** Kills have a queue of their own: a burst of events never stands before one. */
export const cascadesQueue = defineQueue({
  name: 'cascades',
  version: 1,
  schema: z.object({ cascadeId: z.string().min(1) }),
  /** The store's row is the truth and a sweep adds open cascades again, so no finished job is kept. */
  options: {
    attempts: 5,
    backoff: { type: 'exponential', delay: 500 },
    removeOnComplete: true,
    removeOnFail: true,
  },
});

export interface CascadeQueue {
  /** Wakes up a worker for an open cascade. A repeated add is harmless. */
  add(cascadeId: string): Promise<void>;
  close(): Promise<void>;
}

/** The producer's side of the cascades queue. */
export function createCascadeQueue(deps: { link: RedisLink; keys: RedisKeys; log: Log }): CascadeQueue {
  const cascades = cascadesQueue.open(deps);
  return {
    add: async (cascadeId) => cascades.add({ cascadeId }, { jobId: cascadeId }),
    close: () => cascades.close(),
  };
}
