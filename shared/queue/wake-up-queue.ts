import { z } from 'zod';
import type { Log } from '../log';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { defineQueue } from './define-queue';
import type { mailsQueue } from './mail-queue';

/** A job that contains only the ID of a MongoDB row. The row contains the state. */
const WAKE_UP = {
  version: 1,
  schema: z.object({ id: z.string().min(1) }),
  /** A sweep adds new wake-ups for open rows, so each wake-up is attempted once and is not kept. */
  options: { attempts: 1, removeOnComplete: true, removeOnFail: true },
} as const;

export const webhooksQueue = defineQueue({ name: 'webhooks', ...WAKE_UP });
export const erasuresQueue = defineQueue({ name: 'erasures', ...WAKE_UP });

/**
 * The lowest priority of a wake-up. BullMQ takes jobs with lower numbers first. Does not exceed the number of priorities
 * that queue-stats.ts reads.
 */
export const MAX_WAKE_UP_PRIORITY = 1_000;

export type WakeUpDefinition = typeof webhooksQueue | typeof erasuresQueue | typeof mailsQueue;

export interface WakeUpQueue {
  /**
   * Wakes up a worker for a row, now or after `delayMs`. Adding the same attempt again has no effect. Wake-ups with a
   * lower `priority` come first; those without one come before all others.
   */
  add(id: string, options?: { attempt?: number | string; delayMs?: number; priority?: number }): Promise<void>;
  close(): Promise<void>;
}

/** Returns the ID of the job that wakes up a worker for an attempt. */
export function wakeUpIdOf(id: string, attempt: number | string): string {
  return `${id}-${attempt}`;
}

/** Creates a producer for a wake-up queue. A sweep of MongoDB finds rows whose wake-ups were lost. */
export function createWakeUpQueue(
  definition: WakeUpDefinition,
  deps: { link: RedisLink; keys: RedisKeys; log: Log },
): WakeUpQueue {
  const wakeUps = definition.open(deps);
  return {
    add: async (id, { attempt = 0, delayMs = 0, priority = 0 } = {}) =>
      wakeUps.add({ id }, { jobId: wakeUpIdOf(id, attempt), delay: delayMs, priority }),
    close: () => wakeUps.close(),
  };
}
