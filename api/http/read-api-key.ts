import type { Request } from 'express';
import { LRUCache } from 'lru-cache';
import type { PresentedKey } from '../../shared/authz/key-lookups';
import { type ParsedApiKey, parseApiKey } from '../../shared/domain/api-key';
import { PublicError } from './public-error';
import { throttledAddress } from './throttle';

const MEMO_SIZE = 10_000;
const MAX_KEY_LENGTH = 128;
const BEARER = /^bearer +(.+)$/i;

/**
 * Caches parsed keys, because computing checksums and hashes is expensive. Every request still checks whether its key
 * is active.
 */
const memo = new LRUCache<string, ParsedApiKey>({ max: MEMO_SIZE });

function ambiguous(detail: string): PublicError {
  return new PublicError('API_KEY_AMBIGUOUS', `${detail} Send the API key once, in one of the two headers.`);
}

/** Parses a key that a request contains. Returns null if it is malformed or mistyped. Performs no I/O. */
export function parsePresentedKey(text: string): ParsedApiKey | null {
  const known = memo.get(text);
  if (known) return known;
  const parsed = text.length <= MAX_KEY_LENGTH ? parseApiKey(text) : null;
  if (parsed) memo.set(text, parsed);
  return parsed;
}

/** Returns the token of an `Authorization` header (RFC 6750). The scheme's name is case-insensitive. */
function bearerToken(req: Request, header: string): string {
  // Node.js drops all but the first one. A proxy might check another one.
  if ((req.headersDistinct['authorization']?.length ?? 0) > 1) {
    throw ambiguous('The request has several Authorization headers.');
  }
  const token = BEARER.exec(header)?.[1];
  if (token === undefined) {
    throw new PublicError(
      'API_KEY_MISSING',
      'The Authorization header contains no API key. Send `Authorization: Bearer <API key>`, or send the key in the x-api-key header instead.',
    );
  }
  return token;
}

/** Returns the text that a request presents as its API key. */
function presentedText(req: Request): string {
  const { 'x-api-key': plain, authorization } = req.headers;
  if (authorization !== undefined) {
    if (plain !== undefined) throw ambiguous('The request has an x-api-key header and an Authorization header.');
    return bearerToken(req, authorization);
  }
  if (typeof plain !== 'string' || plain === '') {
    throw new PublicError(
      'API_KEY_MISSING',
      'The API key is missing. Send it in the x-api-key header or as `Authorization: Bearer <API key>`.',
    );
  }
  return plain;
}

/**
 * Returns a request's API key, from the `x-api-key` header or as a bearer token. Throws 401 if the key is missing,
 * malformed or mistyped, and 400 if the request has both headers, even if they contain the same key. Performs no I/O.
 */
export function readKey(req: Request): PresentedKey {
  const key = parsePresentedKey(presentedText(req));
  if (!key) {
    throw new PublicError('API_KEY_INVALID', 'The API key is incomplete or mistyped. Copy the whole key again.');
  }
  return { ...key, ip: () => req.ip, address: () => throttledAddress(req.ip ?? 'unknown') };
}
