import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { Tenant, UserRef } from './ids';

/** Number of base64url characters kept from an HMAC (132 bits). */
const REF_LENGTH = 22;

/** Keys derived from the operator's pepper, one per purpose. */
export interface Secrets {
  /** Derives the reference under which MIR stores a partner's user. */
  userRef: UserRefOf;
  /** Derives event IDs from idempotency keys. */
  eventId: KeyedHash;
  /** Signs receipt IDs. */
  receipt: KeyedHash;
  /** Hashes the link codes that people type. */
  linkCode: KeyedHash;
  /** AES-256 key that encrypts webhook secrets. */
  webhook: Buffer;
  /** AES-256 key that encrypts the private keys that sign kill reports and pushes to receivers. */
  signingKey: Buffer;
  /** AES-256 key that encrypts the cursors of lists. */
  cursor: Buffer;
  /** AES-256 key that encrypts the paths in queued emails. */
  mail: Buffer;
  /** Signs people's session cookies (better-auth). */
  identity: string;
  /** Signs the cookies of staff accounts, and encrypts their second factors (better-auth). */
  staff: string;
  /** Derives the access tokens with which the portal acts for a session. */
  portal: KeyObject;
  /** Binds a form to the visitor who loaded its page. */
  forms: KeyObject;
  /** Signs an operator's session cookie. */
  operator: KeyObject;
  /** Hashes email addresses and similar values in throttle keys. */
  throttle: KeyedHash;
  /** Hashes a revoked agent's key hash, so that MIR still recognizes the key but can no longer accept it. */
  revokedKey: KeyedHash;
  /** Stored in the database to detect a different pepper. Reveals nothing else about the pepper. */
  fingerprint: string;
}

export function deriveSecrets(pepper: string): Secrets {
  const derive = (purpose: string): Buffer => createHmac('sha256', pepper).update(`mir/${purpose}/v1`).digest();
  return {
    userRef: createUserRefOf(keyedHash(derive('subject'))),
    eventId: keyedHash(derive('event-id')),
    receipt: keyedHash(derive('receipt')),
    linkCode: keyedHash(derive('link-code')),
    webhook: derive('webhook'),
    signingKey: derive('signing-key'),
    cursor: derive('cursor-encryption'),
    mail: derive('mail'),
    identity: derive('identity').toString('base64url'),
    staff: derive('staff').toString('base64url'),
    portal: createSecretKey(derive('portal')),
    forms: createSecretKey(derive('forms')),
    operator: createSecretKey(derive('operator')),
    throttle: keyedHash(derive('throttle')),
    revokedKey: keyedHash(derive('revoked-key')),
    fingerprint: derive('fingerprint').toString('base64url').slice(0, REF_LENGTH),
  };
}

/** Returns the HMAC-SHA-256 of a text in base64url. */
export type KeyedHash = (text: string) => string;

const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/**
 * Creates an HMAC-SHA-256 function (RFC 2104) that pads its key once and uses the one-shot hash. The function takes
 * half as long as `createHmac` and does not create a native object on each call, which matters because MIR computes a
 * hash for every event in a batch. A test compares the results with those of `createHmac`.
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

/** Returns `usr_` + HMAC-SHA-256(pepper, partner | env | id). One person's refs at two partners are unrelated. */
type UserRefOf = (tenant: Tenant, userExternalId: string) => UserRef;

/** Maximum number of recently used refs cached per process, at about 200 bytes each. As many older refs are kept, too. */
const MAX_RECENT_REFS = 25_000;

/**
 * Caches refs, because a busy partner repeatedly submits events for the same users. Looks them up by the user's ID as
 * submitted: building a key from the tenant and the ID would take half as long as the hash.
 */
function createUserRefOf(hmac: KeyedHash): UserRefOf {
  let recent = new Map<Tenant, Map<string, UserRef>>();
  let older = recent;
  let size = 0;
  return (tenant, userExternalId) => {
    let own = recent.get(tenant);
    const known = own?.get(userExternalId);
    if (known !== undefined) return known;
    const ref =
      older.get(tenant)?.get(userExternalId) ??
      (`usr_${hmac(`${tenant}|${userExternalId}`).slice(0, REF_LENGTH)}` as UserRef);
    if (size >= MAX_RECENT_REFS) {
      [older, recent, own, size] = [recent, new Map(), undefined, 0];
    }
    if (!own) recent.set(tenant, (own = new Map()));
    own.set(userExternalId, ref);
    size += 1;
    return ref;
  };
}
