import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Env, type PartnerId, partnerIdOf, type Tenant, tenantOf } from './ids';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SECRET_BYTES = 32;
/** Number of base62 digits in a 256-bit number. */
const SECRET_LENGTH = 43;
/** Number of base62 digits in a CRC-32. */
const CRC_LENGTH = 6;
const PREFIX_SHOWN = 8;
/**
 * The form of a key, or of a member's access token. Its last six characters are a checksum, which `parseApiKey` checks.
 */
export const API_KEY_FORMAT = new RegExp(
  `^mir_(live|test)_(agent_|member_)?([a-z0-9]{12})_([0-9A-Za-z]{${SECRET_LENGTH + CRC_LENGTH}})$`,
);

/** The form of the first characters of an agent's key: up to as many as MIR stores. */
export const AGENT_KEY_PREFIX_FORMAT = new RegExp(
  `^mir_(live|test)_agent_([a-z0-9]{12})_[0-9A-Za-z]{1,${PREFIX_SHOWN}}$`,
);

/** The parts of a well-formed API key, whether or not the key exists. */
export interface ParsedApiKey {
  env: Env;
  /** True for an agent's key. */
  agent: boolean;
  /** True for a member's access token. */
  member: boolean;
  tag: string;
  partnerId: PartnerId;
  /** SHA-256 of the whole key in hex. MIR stores keys only in this form. */
  hash: string;
}

function toBase62(value: bigint, length: number): string {
  let rest = value;
  let text = '';
  while (rest > 0n) {
    text = BASE62[Number(rest % 62n)] + text;
    rest /= 62n;
  }
  return text.padStart(length, '0');
}

function checksum(text: string): string {
  return toBase62(BigInt(crc32(text)), CRC_LENGTH);
}

/** A new key, of which only the hash and the prefix are stored. */
interface NewKey {
  key: string;
  hash: string;
  prefix: string;
}

function newKey(head: string, random: Buffer = randomBytes(SECRET_BYTES)): NewKey {
  const secret = toBase62(BigInt(`0x${random.toString('hex')}`), SECRET_LENGTH);
  const body = head + secret;
  const key = body + checksum(body);
  return { key, hash: hashApiKey(key), prefix: body.slice(0, head.length + PREFIX_SHOWN) };
}

/**
 * Creates a key of the form `mir_<env>_[agent_]<tag>_<secret><crc>`. The secret has 256 random bits in base62. The
 * CRC-32 covers everything before it.
 */
export function newApiKey(env: Env, tag: string, agent = false): NewKey {
  return newKey(`mir_${env}_${agent ? 'agent_' : ''}${tag}_`);
}

/**
 * Creates a member's access token, which has the form of a key: `mir_<env>_member_<tag>_<secret><crc>`. The secret is
 * random, or the 32 bytes in `secret`.
 */
export function newAccessToken(env: Env, tag: string, secret?: Buffer): NewKey {
  return newKey(`mir_${env}_member_${tag}_`, secret);
}

function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Returns the tenant whose agents' keys start with a prefix, or null if it has another form. */
export function tenantOfKeyPrefix(prefix: string): Tenant | null {
  const match = AGENT_KEY_PREFIX_FORMAT.exec(prefix);
  return match && tenantOf(partnerIdOf(match[2]!), match[1] as Env);
}

/** Parses a key. Returns null if its format or checksum is wrong, so mistyped keys do not cause lookups. */
export function parseApiKey(key: string): ParsedApiKey | null {
  const match = API_KEY_FORMAT.exec(key);
  if (!match) return null;
  if (checksum(key.slice(0, -CRC_LENGTH)) !== key.slice(-CRC_LENGTH)) return null;
  const tag = match[3]!;
  return {
    env: match[1] as Env,
    agent: match[2] === 'agent_',
    member: match[2] === 'member_',
    tag,
    partnerId: partnerIdOf(tag),
    hash: hashApiKey(key),
  };
}
