import { LRUCache } from 'lru-cache';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { createSemaphore } from '../concurrency/semaphore';
import type { ParsedApiKey } from '../domain/api-key';
import { overloaded } from '../errors';
import { tooManyUnknownKeys, unknownKey } from './rejections';

/** Unknown keys that each process looks up per client address within `UNKNOWN_KEYS_WINDOW_SECONDS`. */
export const MAX_UNKNOWN_KEYS_PER_ADDRESS = 100;
const UNKNOWN_KEYS_WINDOW_SECONDS = 60;
/** Concurrent lookups per client address, and how many more wait. Not for keys that the process has admitted. */
const MAX_CONCURRENT_LOOKUPS = 16;
const MAX_WAITING_LOOKUPS = 10_000;
/**
 * How long a process rejects an unknown key without looking it up again. A key that another process creates in the
 * meantime works after this time at the latest.
 */
export const UNKNOWN_KEY_TTL_MS = 5_000;
/** Number of unknown keys, and of admitted keys, that a process remembers. */
const REMEMBERED_KEYS = 10_000;

/** A key as a client presented it. */
export interface PresentedKey extends ParsedApiKey {
  /** Returns the address that the request came from, if it is known. */
  ip?: () => string | undefined;
  /** Returns the client address that unknown keys are counted by. Without it, lookups are not limited. */
  address?: () => string;
}

/**
 * Keeps unknown keys from causing lookups: remembers them for a few seconds, and limits the lookups of further ones per
 * client address. Keys that this process has admitted are looked up regardless of the limit, so that one client's
 * unknown keys do not affect others at the same address. Counts in this process only, so that it works while Redis is
 * down.
 */
export interface KeyLookups {
  /** Throws API_KEY_INVALID if the key was unknown a moment ago. */
  requireNotUnknown(key: ParsedApiKey): void;
  /** Records that the key exists. */
  admitted(key: ParsedApiKey): void;
  /** Returns whether this process remembers that it has admitted the key. */
  wasAdmitted(key: ParsedApiKey): boolean;
  /** Returns what `read` finds. Throws API_KEY_INVALID if it finds nothing, and 429 before it runs at the limit. */
  lookUp<Found>(key: PresentedKey, read: () => Promise<Found | null>): Promise<Found>;
  /** Forgets all unknown keys, because one of them may have been created. */
  forgetUnknown(): void;
}

/** Creates the lookups of one process. Calls `onLimited` for each lookup that the limit prevents. */
export function createKeyLookups(onLimited: () => void = () => undefined): KeyLookups {
  const unknown = new LRUCache<string, true>({ max: REMEMBERED_KEYS, ttl: UNKNOWN_KEY_TTL_MS });
  const known = new LRUCache<string, true>({ max: REMEMBERED_KEYS });
  const limiter = new RateLimiterMemory({
    points: MAX_UNKNOWN_KEYS_PER_ADDRESS,
    duration: UNKNOWN_KEYS_WINDOW_SECONDS,
  });

  // Otherwise, concurrent lookups could exceed the limit by any number.
  const perAddress = createSemaphore({
    maxAtOnce: MAX_CONCURRENT_LOOKUPS,
    maxWaiting: MAX_WAITING_LOOKUPS,
    onFull: () => overloaded('KEY_LOOKUPS_FULL'),
  });

  const requireAttemptsLeft = async (address: string): Promise<void> => {
    const used = await limiter.get(address);
    if (!used || used.consumedPoints < MAX_UNKNOWN_KEYS_PER_ADDRESS) return;
    onLimited();
    throw tooManyUnknownKeys(Math.max(1, Math.ceil(used.msBeforeNext / 1_000)));
  };

  return {
    requireNotUnknown: ({ hash }) => {
      if (unknown.has(hash)) throw unknownKey();
    },
    admitted: ({ hash }) => void known.set(hash, true),
    wasAdmitted: ({ hash }) => known.has(hash),
    lookUp: async ({ hash, address }, read) => {
      const counted = known.has(hash) ? undefined : address?.();
      const readCounted = async (from: string) => {
        await requireAttemptsLeft(from);
        const found = await read();
        if (!found) await limiter.penalty(from);
        return found;
      };
      const found = await (counted === undefined ? read() : perAddress.run(() => readCounted(counted), counted));
      if (found) return found;
      known.delete(hash);
      unknown.set(hash, true);
      throw unknownKey();
    },
    forgetUnknown: () => unknown.clear(),
  };
}
