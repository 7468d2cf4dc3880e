import { hash, randomBytes, randomInt } from 'node:crypto';
import type { KeyedHash } from './subject';

/** How a link may be asked for: a URL that is opened, or a code that is typed. */
export type LinkRequestKind = 'INVITE' | 'CODE';

const INVITE_TOKEN_BYTES = 32;
export const DEFAULT_INVITE_SECONDS = 7 * 24 * 3600;
export const MAX_INVITE_SECONDS = 30 * 24 * 3600;
export const MIN_INVITE_SECONDS = 60;
export const CODE_SECONDS = 10 * 60;
/** 8 digits of 5 bits: 40 bits, few enough to type and too many to guess at five tries a window. */
const CODE_LENGTH = 8;
/** Accounts that one person can have linked in one environment. */
export const MAX_LINKS_PER_IDENTITY = 200;
export const MAX_LABEL_LENGTH = 80;
export const MAX_STATE_LENGTH = 512;

/** Crockford's base 32: no I, L, O or U, so that a code survives being read aloud or copied by hand. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_FORMAT = new RegExp(`^[${ALPHABET}]{${CODE_LENGTH}}$`);

/** A new invite token: 256 random bits, base64url. */
export function newInviteToken(): string {
  return randomBytes(INVITE_TOKEN_BYTES).toString('base64url');
}

const TOKEN_FORMAT = /^[\w-]{43}$/;

/** True for what can be an invite token at all; anything else needs no look-up. */
export function isInviteToken(text: string): boolean {
  return TOKEN_FORMAT.test(text);
}

/** Form in which an invite token is stored: it has 256 bits, so a plain hash cannot be searched. */
export function inviteTokenHash(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** A new code, as it is shown: `ABCD-EFGH`. */
export function newCode(): string {
  const digits = Array.from({ length: CODE_LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${digits.slice(0, CODE_LENGTH / 2)}-${digits.slice(CODE_LENGTH / 2)}`;
}

/** A typed code as its eight digits: dashes, spaces and case do not matter, O is 0, I and L are 1. Null: not a code. */
export function normalCode(typed: string): string | null {
  const digits = typed
    .toUpperCase()
    .replace(/[\s\u2010-\u2015-]/g, '')
    .replaceAll('O', '0')
    .replace(/[IL]/g, '1');
  return CODE_FORMAT.test(digits) ? digits : null;
}

/** Form in which a code is stored: keyed, since all 40-bit codes could be tried against a plain hash. */
export function codeHash(keyed: KeyedHash, code: string): string {
  return keyed(code);
}
