import { hash, randomBytes, randomInt } from 'node:crypto';
import type { KeyedHash } from './subject';

/** How a person connects an account: by opening a URL or by typing a code. */
export type LinkRequestKind = 'INVITE' | 'CODE';

const INVITE_TOKEN_BYTES = 32;
export const DEFAULT_INVITE_SECONDS = 7 * 24 * 3600;
export const MAX_INVITE_SECONDS = 30 * 24 * 3600;
export const MIN_INVITE_SECONDS = 60;
export const CODE_SECONDS = 10 * 60;
/**
 * 8 characters of 5 bits each. A 40-bit code is short enough to type, but cannot be guessed with five attempts per
 * throttle window.
 */
const CODE_LENGTH = 8;
/** Maximum number of linked accounts per person in each environment. */
export const MAX_LINKS_PER_IDENTITY = 200;
export const MAX_LABEL_LENGTH = 80;
export const MAX_STATE_LENGTH = 512;

/** Crockford's base 32. Omits I, L, O and U, so codes survive being read aloud or copied by hand. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_FORMAT = new RegExp(`^[${ALPHABET}]{${CODE_LENGTH}}$`);

/** Returns a random token: 256 bits in base64url. */
export function newInviteToken(): string {
  return randomBytes(INVITE_TOKEN_BYTES).toString('base64url');
}

const TOKEN_FORMAT = /^[\w-]{43}$/;

/**
 * Returns whether a text has the format of an invitation token, so that callers can skip the lookup for other texts.
 */
export function isInviteToken(text: string): boolean {
  return TOKEN_FORMAT.test(text);
}

/** Returns the stored form of an invitation token. A plain hash is safe, because 256 random bits cannot be guessed. */
export function inviteTokenHash(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** Returns a random code as people see it: `ABCD-EFGH`. */
export function newCode(): string {
  const digits = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${digits.slice(0, CODE_LENGTH / 2)}-${digits.slice(CODE_LENGTH / 2)}`;
}

/**
 * Normalizes a typed code. Ignores dashes, spaces and case, and reads O as 0 and I and L as 1. Returns null if the code
 * is invalid.
 */
export function normalCode(typed: string): string | null {
  const digits = typed
    .toUpperCase()
    .replace(/[\s\u2010-\u2015-]/g, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  return CODE_FORMAT.test(digits) ? digits : null;
}

/** Returns the stored form of a code. The hash is keyed, because an attacker could hash every 40-bit code. */
export function codeHash(keyed: KeyedHash, code: string): string {
  return keyed(code);
}
