import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MirError, overloaded } from '../errors';
import type { RedisLink } from '../redis/connect';

/** Longer than any store write should take; a holder that died delays its partner by no more than this. */
const HOLD_MS = 10_000;
/** A change that is stored, and whose marks could not be released, is put in force as soon as the queue store answers. */
const RELEASE_RETRY_MS = 250;
const MAX_RELEASE_RETRIES = 240;
/** Longer than a store keeps a transaction open whose end nobody told it. */
const OUTCOME_KNOWN_AFTER_MS = 70_000;

/** What a change of authority touches: nodes (partner or agent ids) and keys, by hash. */
export interface Touched {
  nodes?: readonly string[];
  keyHashes?: readonly string[];
}

/** Runs a change of authority; see `Door`. */
export type WhileHeld = <T>(
  tag: string,
  touched: Touched,
  change: (hold: (touched: Touched) => Promise<void>) => Promise<T>,
) => Promise<{ result: T; doneAtMs: number }>;

export interface HoldCommands {
  mirHold(numKeys: number, ...args: (string | number)[]): Promise<number>;
  mirRelease(numKeys: number, ...args: (string | number)[]): Promise<number>;
}

/** `slotsOf` names the rows of what is touched, each with its lease. */
export function createWhileHeld(deps: {
  redis: RedisLink['client'] & HoldCommands;
  epochNow: () => string;
  slotsOf: (tag: string, touched: Touched) => [row: string, lease: string][];
}): WhileHeld {
  const { redis, epochNow, slotsOf } = deps;
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { ref: false });

  const releaseUntilDone = async (release: () => Promise<number>): Promise<void> => {
    for (let tries = 0; tries < MAX_RELEASE_RETRIES; tries += 1) {
      await pause(RELEASE_RETRY_MS);
      if (redis.status === 'end') return;
      const done = await release().then(
        () => true,
        () => false,
      );
      if (done) return;
    }
  };

  /** Voids what is read of the old state between the end of the marks and the end of a change that comes late. */
  const releaseUntilKnown = async (release: () => Promise<number>): Promise<void> => {
    for (let waitedMs = 0; waitedMs < OUTCOME_KNOWN_AFTER_MS; waitedMs += HOLD_MS) {
      await pause(HOLD_MS);
      if (redis.status === 'end') return;
      await release().catch(() => undefined);
    }
  };

  return async (tag, touched, change) => {
    const held: [string, string][] = [];
    const token = randomUUID();
    const hold = async (more: Touched): Promise<void> => {
      const slots = slotsOf(tag, more);
      held.push(...slots);
      try {
        if (slots.length > 0) await redis.mirHold(slots.length * 2, ...slots.flat(), epochNow(), HOLD_MS, token);
      } catch (error) {
        throw overloaded('The queue store does not answer, so nothing was changed. Try again.', 2, error);
      }
    };
    const release = (): Promise<number> => redis.mirRelease(held.length * 2, ...held.flat(), token);
    let result: Awaited<ReturnType<typeof change>>;
    try {
      await hold(touched);
      result = await change(hold);
    } catch (error) {
      if (error instanceof MirError && error.code !== 'STORE_UNAVAILABLE') {
        // A refusal changed nothing.
        await release().catch(() => undefined);
      } else {
        // The outcome is unknown and may still come: the marks stand until they expire, so that nobody reads the old
        // state into a row meanwhile, and whoever does so later reads it anew.
        if (held.length > 0) void releaseUntilKnown(release);
      }
      throw error;
    }
    try {
      return { result, doneAtMs: await release() };
    } catch (error) {
      void releaseUntilDone(release);
      throw overloaded(
        'The change is stored; the queue store did not confirm that it is in force. It is as soon as that answers. Look before you repeat it.',
        2,
        error,
      );
    }
  };
}
