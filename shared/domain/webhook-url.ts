import ipaddr from 'ipaddr.js';

/** IPv6 addresses that embed an IPv4 address, deprecated by RFC 4291. The library considers them public. */
const IPV4_COMPATIBLE = ipaddr.IPv6.parseCIDR('::/96');
/** `localhost` and the names below it, which RFC 6761 reserves for loopback addresses. */
const LOCALHOST = /(^|\.)localhost$/;

/** Returns whether an IP address is neither private nor loopback, nor reserved in another way. */
export function isPublicAddress(address: string): boolean {
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || !parsed.match(IPV4_COMPATIBLE);
}

/** Returns whether a URL's host is, as written, an address or name that is never public. Resolves no names. */
function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$|\.+$/g, '');
  return ipaddr.isValid(host) ? !isPublicAddress(host) : LOCALHOST.test(host);
}

/**
 * Returns why MIR never sends messages to a URL, or null if it does. The host's resolved addresses are checked at each
 * delivery. `allowPrivate` also allows plain HTTP and private hosts, for development.
 */
export function webhookUrlProblem(url: URL, { allowPrivate }: { allowPrivate: boolean }): string | null {
  const { protocol, hostname, username, password, hash } = url;
  if (protocol !== 'https:' && !(allowPrivate && protocol === 'http:')) return 'Must use HTTPS.';
  if (username !== '' || password !== '' || hash !== '') return 'Must have no credentials or fragment.';
  if (!allowPrivate && isPrivateHost(hostname)) {
    return 'Must have a public address. MIR does not send messages to private, loopback or reserved addresses.';
  }
  return null;
}
