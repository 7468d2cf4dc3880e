import { coalesce } from '../concurrency/coalesce';
import { tenantOf } from '../domain/ids';
import { MirError } from '../errors';
import type { CheckReply } from '../redis/scripts';
import type { StoredKey } from './authority-store';
import type { Credential } from './credential';
import type { PresentedKey } from './key-lookups';
import { isBlock } from './rejections';

/** A call with this many keys takes Redis a few milliseconds. */
const MAX_CHECKS_PER_SCRIPT = 50;

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

export interface KeyCheck {
  /**
   * Returns the key if requests with it would be accepted now, otherwise null. Uses the script and the cached rows that
   * authorize requests, but charges and counts nothing. Checks of one tenant's keys in the same turn share a script
   * call. Throws if Redis is unavailable, or if too many unknown keys were presented.
   */
  checkKey(key: PresentedKey): Promise<ActiveKey | null>;
  /** Checks a key while Redis is down, using only MongoDB. */
  checkKeyFromStore(key: PresentedKey): Promise<ActiveKey | null>;
}

/** Returns null if the error says that requests with the key are rejected. Throws any other error. */
function inactive(error: unknown): null {
  if (error instanceof MirError && (error.code === 'API_KEY_INVALID' || isBlock(error.code))) return null;
  throw error;
}

/**
 * Creates the functions that check keys. `check` calls the script for keys of one tenant, and `retried` repeats a call
 * until the rows of its key are cached and not fenced. `readFromStore` reads a key and its path from MongoDB. Both of
 * the latter throw if the key is unknown.
 */
export function createKeyCheck(deps: {
  check: (keys: readonly PresentedKey[]) => Promise<CheckReply[]>;
  retried: (key: PresentedKey, callOnce: () => Promise<CheckReply>) => Promise<CheckReply>;
  requireNotUnknown: (key: PresentedKey) => void;
  parse: (keyFacts: string, nodeFacts: string) => Credential;
  readFromStore: (key: PresentedKey) => Promise<{ stored: StoredKey; credential: Credential }>;
}): KeyCheck {
  const { check, retried, requireNotUnknown, parse, readFromStore } = deps;

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

  /** Checks a key whose first reply is part of a shared one. */
  const checkOne = async (key: PresentedKey, shared: () => Promise<CheckReply>): Promise<ActiveKey | null> => {
    const alone = (): Promise<CheckReply> => check([key]).then(([own]) => own!);
    let next = shared;
    const callOnce = (): Promise<CheckReply> => {
      const call = next;
      next = alone;
      return call();
    };
    return foundIn(await retried(key, callOnce));
  };

  const coalesced = coalesce<PresentedKey, ActiveKey | null>(
    async (waiting) => {
      const keys = [...new Map(waiting.map(({ item }) => [item.hash, item])).values()];
      const replies = check(keys);
      replies.catch(() => undefined);
      // Each key is settled on its own, so that one that must be read from MongoDB does not delay the others.
      const found = new Map(keys.map((key, n) => [key.hash, checkOne(key, () => replies.then((all) => all[n]!))]));
      for (const { item, resolve, reject } of waiting) found.get(item.hash)!.then(resolve, reject);
    },
    { maxItems: MAX_CHECKS_PER_SCRIPT, keyOf: ({ partnerId, env }) => tenantOf(partnerId, env) },
  );

  return {
    checkKey: async (key) => {
      try {
        requireNotUnknown(key);
        return await coalesced(key);
      } catch (error) {
        return inactive(error);
      }
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
