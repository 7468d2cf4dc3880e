import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Tenant, UserRef } from './ids';

/** Characters of base64url that are kept of the HMAC: 132 bits. */
const REF_LENGTH = 22;

/** Keys derived from the operator's pepper, one per purpose, so that no two uses share a key. */
export interface Secrets {
  subject: KeyedHash;
  /** Derives the ids of events from their idempotency keys. */
  eventId: KeyedHash;
  receipt: KeyObject;
  /** Of the short codes that people type. */
  linkCode: KeyedHash;
  /** AES-256 key that webhook secrets are sealed with. */
  webhook: Buffer;
  cursor: KeyObject;
  /** Signs the cookies and mailed tokens of people's sessions (better-auth). */
  identity: string;
  /** Binds the forms of pages to their visitor. */
  forms: KeyObject;
  /** Signs the cookie of a logged-in operator. */
  operator: KeyObject;
  /** Hides e-mail addresses and the like in the keys of throttles. */
  throttle: KeyedHash;
  /** Of the hash of a revoked agent's key: recognizes the key, and authenticates nothing. */
  revokedKey: KeyedHash;
  /** Stored beside the data: tells that a store was made with another pepper, and nothing else of it. */
  fingerprint: string;
}

export function deriveSecrets(pepper: string): Secrets {
  const derive = (purpose: string): Buffer => createHmac('sha256', pepper).update(`mir/${purpose}/v1`).digest();
  return {
    subject: remembering(keyedHash(derive('subject'))),
    eventId: keyedHash(derive('event-id')),
    receipt: createSecretKey(derive('receipt')),
    linkCode: keyedHash(derive('link-code')),
    webhook: derive('webhook'),
    cursor: createSecretKey(derive('cursor')),
    identity: derive('identity').toString('base64url'),
    forms: createSecretKey(derive('forms')),
    operator: createSecretKey(derive('operator')),
    throttle: keyedHash(derive('throttle')),
    revokedKey: keyedHash(derive('revoked-key')),
    fingerprint: derive('fingerprint').toString('base64url').slice(0, REF_LENGTH),
  };
}

/** HMAC-SHA-256 of a text, base64url. */
export type KeyedHash = (text: string) => string;

/** Users whose hash a process keeps at hand; some 200 bytes each. */
const REMEMBERED_USERS = 50_000;
const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/**
 * HMAC-SHA-256 (RFC 2104) with its padded keys made once, over the one-shot hash: half the time of `createHmac` and
 * no native object a call, which counts where every event of a batch is hashed. A test holds it against `createHmac`.
 */
export function keyedHash(key: Buffer): KeyedHash {
  if (key.length > BLOCK_BYTES) throw new RangeError(`the key must be at most ${BLOCK_BYTES} bytes`);
  const padded = (pad: number): Buffer =>
    Buffer.alloc(BLOCK_BYTES, key.toString('latin1').padEnd(BLOCK_BYTES, '\0'), 'latin1').map(
      (byte) => byte ^ pad,
    ) as Buffer;
  const inner = padded(INNER_PAD);
  const outer = Buffer.concat([padded(OUTER_PAD), Buffer.alloc(32)]);
  let message = Buffer.concat([inner, Buffer.alloc(1024)]);
  return (text) => {
    const needed = BLOCK_BYTES + text.length * 3;
    if (needed > message.length) message = Buffer.concat([inner, Buffer.alloc(text.length * 3)]);
    const end = BLOCK_BYTES + message.write(text, BLOCK_BYTES, 'utf8');
    outer.write(hash('sha256', message.subarray(0, end), 'binary'), BLOCK_BYTES, 'latin1');
    return hash('sha256', outer, 'base64url');
  };
}

/** The same hash, which remembers its latest answers: the users of a busy partner come back again and again. */
function remembering(keyed: KeyedHash): KeyedHash {
  const remembered = new LRUCache<string, string>({ max: REMEMBERED_USERS });
  return (text) => {
    let mac = remembered.get(text);
    if (mac === undefined) remembered.set(text, (mac = keyed(text)));
    return mac;
  };
}

/** `usr_` + HMAC-SHA-256(pepper, partner | env | id): the same person at two partners has unrelated refs. */
export function userRefOf(subject: KeyedHash, tenant: Tenant, userExternalId: string): UserRef {
  return `usr_${subject(`${tenant}|${userExternalId}`).slice(0, REF_LENGTH)}` as UserRef;
}
