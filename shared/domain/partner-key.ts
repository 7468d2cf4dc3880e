import ipaddr from 'ipaddr.js';
import { covers } from './permissions';
import { NAMED_SCOPES, type Scope } from './scopes';

/** What a partner key may do. A restriction that is null does not apply. */
export interface KeyGrant {
  scopes: readonly Scope[];
  /** Event types that the key may submit. */
  allowedEventTypes: readonly string[] | null;
  /** IP addresses and CIDR ranges that the key may be used from. */
  allowedIps: readonly string[] | null;
  expiresAt: Date | null;
}

/** The rights that a request for a new key names. */
export type RequestedGrant = { [Right in keyof KeyGrant]?: NonNullable<KeyGrant[Right]> | undefined };

/** A right that the creator of a key does not have itself. */
export interface GrantViolation {
  path: keyof KeyGrant;
  message: string;
}

type Range = ReturnType<typeof ipaddr.parseCIDR>;

/** Returns an address or CIDR range in the form that is stored, or null if it is not valid. */
export function normalizedIpRange(text: string): string | null {
  if (!ipaddr.isValid(text) && !ipaddr.isValidCIDR(text)) return null;
  // `ipaddr.isValid` accepts octal and shortened IPv4 addresses, which people read differently.
  if (!text.includes(':') && !ipaddr.IPv4.isValidFourPartDecimal(text.split('/')[0]!)) return null;
  const [address, bits] = rangeOf(text);
  return `${address.toString()}/${bits}`;
}

/** Returns a range. A single address is a range of one, and IPv4 addresses mapped to IPv6 become IPv4 addresses. */
function rangeOf(text: string): Range {
  if (text.includes('/')) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}

function isWithin([inner, innerBits]: Range, [outer, outerBits]: Range): boolean {
  return inner.kind() === outer.kind() && innerBits >= outerBits && inner.match(outer, outerBits);
}

/** Parsed ranges by the list that they were parsed from, because every request with a restricted key needs them. */
const parsed = new WeakMap<readonly string[], Range[]>();

function rangesOf(texts: readonly string[]): Range[] {
  let ranges = parsed.get(texts);
  if (!ranges) parsed.set(texts, (ranges = texts.map(rangeOf)));
  return ranges;
}

/** Returns whether a key with these ranges may be used from an address. */
export function allowsIp(ranges: readonly string[], ip: string): boolean {
  if (!ipaddr.isValid(ip)) return false;
  const address = rangeOf(ip);
  return rangesOf(ranges).some((range) => isWithin(address, range));
}

/**
 * Returns the rights of a new key. What the request does not name is inherited from the creator, except the scopes that
 * must be named.
 */
export function grantOfNewKey(creator: KeyGrant, requested: RequestedGrant): KeyGrant {
  return {
    scopes: requested.scopes ?? creator.scopes.filter((scope) => !NAMED_SCOPES.has(scope)),
    allowedEventTypes: requested.allowedEventTypes ?? creator.allowedEventTypes,
    allowedIps: requested.allowedIps ?? creator.allowedIps,
    expiresAt: requested.expiresAt ?? creator.expiresAt,
  };
}

/** Returns every right of `child` that `creator` does not have. */
export function rightsBeyond(creator: KeyGrant, child: KeyGrant): GrantViolation[] {
  const found: GrantViolation[] = [];
  const scopes = child.scopes.filter((scope) => !creator.scopes.includes(scope));
  if (scopes.length > 0) found.push({ path: 'scopes', message: `Your key does not have ${scopes.join(', ')}.` });
  const { allowedEventTypes: types, allowedIps: ips } = creator;
  if (types) {
    const beyond = (child.allowedEventTypes ?? ['*']).filter((inner) => !types.some((outer) => covers(outer, inner)));
    if (beyond.length > 0) {
      found.push({ path: 'allowedEventTypes', message: `Your key may not submit ${beyond.join(', ')}.` });
    }
  }
  if (ips) {
    const outer = ips.map(rangeOf);
    const beyond = (child.allowedIps ?? ['0.0.0.0/0', '::/0']).filter(
      (range) => !outer.some((one) => isWithin(rangeOf(range), one)),
    );
    if (beyond.length > 0) {
      found.push({ path: 'allowedIps', message: `Your key may not be used from ${beyond.join(', ')}.` });
    }
  }
  if (creator.expiresAt && (!child.expiresAt || child.expiresAt > creator.expiresAt)) {
    const at = creator.expiresAt.toISOString();
    found.push({ path: 'expiresAt', message: `Must not be later than ${at}, when your key expires.` });
  }
  return found;
}
