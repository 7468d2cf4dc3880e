import { MirError } from '../errors';
import type { CheckReply } from '../redis/scripts';
import type { StoredKey } from './authority-store';
import type { Credential } from './credential';
import type { PresentedKey } from './key-lookups';
import { isBlock } from './rejections';

/** A key with which requests are accepted now. */
export interface ActiveKey {
  credential: Credential;
  /** IDs of the partner and then of the agents from the root to the key's own agent. */
  path: readonly string[];
  scopes: readonly string[];
  /** Null if the key does not expire. */
  expiresAtMs: number | null;
  /** Time on the partner's clock. Null while Redis is down. */
  nowMs: number | null;
}

/** Returns the key if requests with it would be accepted now, otherwise null. */
export type CheckKey = (key: PresentedKey) => Promise<ActiveKey | null>;

/** Returns null if the error says that requests with the key are rejected. Throws any other error. */
function inactive(error: unknown): null {
  if (error instanceof MirError && (error.code === 'API_KEY_INVALID' || isBlock(error.code))) return null;
  throw error;
}

/**
 * Creates the functions that check keys. `check` calls the script, and `retried` repeats a call until the rows of its key
 * are cached and not fenced. `readFromStore` reads a key and its path from MongoDB. Both of the latter throw if the key is
 * unknown.
 */
export function createKeyCheck(deps: {
  check: (key: PresentedKey) => Promise<CheckReply>;
  retried: (key: PresentedKey, callOnce: () => Promise<CheckReply>) => Promise<CheckReply>;
  parse: (keyFacts: string, nodeFacts: string) => Credential;
  readFromStore: (key: PresentedKey) => Promise<{ stored: StoredKey; credential: Credential }>;
}): {
  /**
   * Checks a key with the script and the cached rows that authorize requests, but charges and counts nothing. Uses
   * `first` instead of a call, if given. Throws if Redis is unavailable, or if too many unknown keys were presented.
   */
  checkKey: (key: PresentedKey, first?: CheckReply) => Promise<ActiveKey | null>;
  checkKeyFromStore: CheckKey;
} {
  const { check, retried, parse, readFromStore } = deps;

  const foundIn = ([status, keyFacts, nodeFacts, nowMs, expiresAtMs, path, scopes]: CheckReply): ActiveKey | null => {
    if (isBlock(status)) return null;
    if (status !== 'OK') {
      throw new MirError('INTERNAL', 'the authorization script returned an unknown status', { cause: status });
    }
    return {
      credential: parse(keyFacts, nodeFacts),
      path: path.split(' '),
      scopes: scopes.trim().split(' '),
      expiresAtMs: expiresAtMs === -1 ? null : expiresAtMs,
      nowMs,
    };
  };

  return {
    checkKey: async (key, first) => {
      let known = first;
      const callOnce = async (): Promise<CheckReply> => {
        const reply = known ?? (await check(key));
        known = undefined;
        return reply;
      };
      return retried(key, callOnce).then(foundIn, inactive);
    },
    checkKeyFromStore: async (key) => {
      try {
        const { stored, credential } = await readFromStore(key);
        const { path, scopes, expiresAt } = stored;
        return { credential, path, scopes, expiresAtMs: expiresAt?.getTime() ?? null, nowMs: null };
      } catch (error) {
        return inactive(error);
      }
    },
  };
}
