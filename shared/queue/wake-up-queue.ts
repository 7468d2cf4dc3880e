import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { defineQueue } from './define-queue';

/** A job that only names a row of the store, which is the truth. */
const WAKE_UP = {
  version: 1,
  schema: z.object({ id: z.string().min(1) }),
  /** A sweep adds open rows again, so a wake-up is tried once and not kept. */
  options: { attempts: 1, removeOnComplete: true, removeOnFail: true },
} as const;

export const webhooksQueue = defineQueue({ name: 'webhooks', ...WAKE_UP });
export const erasuresQueue = defineQueue({ name: 'erasures', ...WAKE_UP });

/** A queue of wake-ups. */
export type WakeUpDefinition = typeof webhooksQueue | typeof erasuresQueue;

export interface WakeUpQueue {
  /** Says that a row has work, at its n-th try, now or in a while. Repeating it is harmless. */
  add(id: string, later?: { attempt: number; delayMs: number }): Promise<void>;
  close(): Promise<void>;
}

/** The producer's side of a queue of wake-ups: what is lost in it is found again in the store. */
export function createWakeUpQueue(
  definition: WakeUpDefinition,
  deps: { link: RedisLink; keys: RedisKeys; log: Log },
): WakeUpQueue {
  const wakeUps = definition.open(deps);
  return {
    add: async (id, { attempt, delayMs } = { attempt: 0, delayMs: 0 }) =>
      wakeUps.add({ id }, { jobId: `${id}-${attempt}`, delay: delayMs }),
    close: () => wakeUps.close(),
  };
}
