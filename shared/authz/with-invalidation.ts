import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { MirError, overloaded } from '../errors';
import type { RedisLink } from '../redis/link';
import { scripts } from '../redis/scripts';

/**
 * Lifetime of a fence, longer than any database write should take. If a process dies, its fences delay the partner's
 * callers for up to this long.
 */
const FENCE_MS = 10_000;
/** Retry interval if a committed change could not remove its fence. Retries continue for up to a minute. */
const REMOVE_RETRY_MS = 250;
const MAX_REMOVE_RETRIES = 240;
/** Longer than MongoDB keeps an abandoned transaction open. */
const OUTCOME_KNOWN_AFTER_MS = 70_000;

/** The cached rows that a change affects: nodes by partner or agent ID, and keys by hash. */
export interface AffectedRows {
  nodes?: readonly string[];
  keyHashes?: readonly string[];
}

/**
 * Fences rows. Throws OVERLOADED if Redis does not confirm the fence. With `required: false`, ignores this error, and
 * rows cached from the old state stay valid until the change removes its fences.
 */
type Fence = (affected: AffectedRows, options?: { required?: boolean }) => Promise<void>;

/** Runs a change that affects authorization. See `Authorizer`. */
export type WithInvalidation = <T>(
  tag: string,
  affected: AffectedRows,
  change: (fence: Fence) => Promise<T>,
) => Promise<{ result: T; doneAtMs: number }>;

/**
 * Creates `withInvalidation`. `clockOf` returns the Redis key of a partner's clock, and `slotsOf` the keys of the
 * affected rows and their leases. `onChanged` is called after each change that was or may have been committed.
 */
export function createWithInvalidation(deps: {
  redis: RedisLink['client'];
  epochNow: () => string;
  clockOf: (tag: string) => string;
  slotsOf: (tag: string, affected: AffectedRows) => [row: string, lease: string][];
  onChanged: () => void;
}): WithInvalidation {
  const { redis, epochNow, clockOf, slotsOf, onChanged } = deps;
  const pause = (ms: number): Promise<void> => delay(ms, undefined, { ref: false });

  const removeUntilDone = async (removeFence: () => Promise<number>): Promise<void> => {
    for (let tries = 0; tries < MAX_REMOVE_RETRIES; tries += 1) {
      await pause(REMOVE_RETRY_MS);
      if (redis.status === 'end') return;
      const done = await removeFence().then(
        () => true,
        () => false,
      );
      if (done) return;
    }
  };

  /**
   * After the fences expire, repeatedly deletes rows that were cached from the old state. Stops once the change must
   * have committed or aborted.
   */
  const removeUntilKnown = async (removeFence: () => Promise<number>): Promise<void> => {
    for (let waitedMs = 0; waitedMs < OUTCOME_KNOWN_AFTER_MS; waitedMs += FENCE_MS) {
      await pause(FENCE_MS);
      if (redis.status === 'end') return;
      await removeFence().catch(() => undefined);
    }
  };

  return async (tag, affected, change) => {
    const fenced: [string, string][] = [];
    const token = randomUUID();
    const fence: Fence = async (more, { required = true } = {}) => {
      const slots = slotsOf(tag, more);
      fenced.push(...slots);
      try {
        if (slots.length > 0) await scripts.fenceAuthority(redis, slots.flat(), [epochNow(), FENCE_MS, token]);
      } catch (error) {
        if (required) throw overloaded('FENCE_FAILED', 2, error);
      }
    };
    const removeFence = (): Promise<number> => scripts.removeFence(redis, [clockOf(tag), ...fenced.flat()], [token]);
    let result: Awaited<ReturnType<typeof change>>;
    try {
      await fence(affected);
      result = await change(fence);
    } catch (error) {
      if (error instanceof MirError && error.code !== 'STORE_UNAVAILABLE') {
        // A rejected change did not commit anything.
        await removeFence().catch(() => undefined);
      } else {
        // The outcome is unknown, and the change may still commit. Until it can no longer commit, the fences and the
        // repeated deletions prevent rows from the old state from staying cached.
        if (fenced.length > 0) void removeUntilKnown(removeFence);
        onChanged();
      }
      throw error;
    }
    onChanged();
    try {
      return { result, doneAtMs: await removeFence() };
    } catch (error) {
      void removeUntilDone(removeFence);
      throw overloaded('FENCE_NOT_REMOVED', 2, error);
    }
  };
}
