import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { type ParsedApiKey, parseApiKey } from '../../shared/domain/api-key';
import { PublicError } from './public-error';

const MEMO_SIZE = 10_000;
const MAX_KEY_LENGTH = 128;

/** What a key's text says (checksum and hash), remembered; whether the key is valid is asked every time. */
const memo = new LRUCache<string, ParsedApiKey>({ max: MEMO_SIZE });

/** The API key of a request. Throws 401 when it is missing, malformed or mistyped, without any look-up. */
export function readKey(req: IncomingMessage): ParsedApiKey {
  const text = req.headers['x-api-key'];
  if (typeof text !== 'string' || text === '') {
    throw new PublicError('API_KEY_MISSING', 'Send your API key in the header x-api-key.');
  }
  let key = memo.get(text);
  if (!key) {
    const parsed = text.length <= MAX_KEY_LENGTH ? parseApiKey(text) : null;
    if (!parsed) {
      throw new PublicError('API_KEY_INVALID', 'The API key is incomplete or mistyped (its checksum does not match).');
    }
    memo.set(text, (key = parsed));
  }
  return key;
}
