import type { Request } from 'express';
import { LRUCache } from 'lru-cache';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { type ParsedApiKey, parseApiKey } from '../../shared/domain/api-key';
import { PublicError } from './public-error';
import { throttledAddress } from './throttle';

const MEMO_SIZE = 10_000;
const MAX_KEY_LENGTH = 128;

/**
 * Caches parsed keys, because computing checksums and hashes is expensive. Every request still checks whether its key
 * is active.
 */
const memo = new LRUCache<string, ParsedApiKey>({ max: MEMO_SIZE });

/** Returns a request's API key. Throws 401 if the key is missing, malformed or mistyped, without performing any I/O. */
export function readKey(req: Request): PresentedKey {
  const text = req.headers['x-api-key'];
  if (typeof text !== 'string' || text === '') {
    throw new PublicError('API_KEY_MISSING', 'The API key is missing. Send it in the x-api-key header.');
  }
  let key = memo.get(text);
  if (!key) {
    const parsed = text.length <= MAX_KEY_LENGTH ? parseApiKey(text) : null;
    if (!parsed) {
      throw new PublicError('API_KEY_INVALID', 'The API key is incomplete or mistyped. Copy the whole key again.');
    }
    memo.set(text, (key = parsed));
  }
  return { ...key, address: () => throttledAddress(req.ip ?? 'unknown') };
}
