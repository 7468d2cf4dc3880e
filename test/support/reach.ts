import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';

const LOOPBACK = new Set(['127.0.0.1', '::1']);

/** Returns whether the host accepts TCP connections on this port. */
export function isReachable(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (reached: boolean): void => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** Returns the hosts that accept TCP connections on this port. */
export async function reachableOf(hosts: readonly string[], port: number): Promise<string[]> {
  const reached = await Promise.all(hosts.map((host) => isReachable(host, port)));
  return hosts.filter((_, index) => reached[index]);
}

/** Returns `127.0.0.1`, and `::1` if this machine has IPv6. */
export function loopbackAddresses(): string[] {
  return addresses().filter((address) => LOOPBACK.has(address));
}

/**
 * Returns this machine's other addresses, at which only a server bound to all interfaces is reachable. On Linux, there
 * is at least one such address even without a network, because all of 127.0.0.0/8 is local.
 */
export function otherAddresses(): string[] {
  const own = addresses().filter((address) => !LOOPBACK.has(address));
  return process.platform === 'linux' ? ['127.0.0.2', ...own] : own;
}

function addresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, infos = []]) =>
    infos.map(({ address, scopeid }) => (scopeid ? `${address}%${name}` : address)),
  );
}

/** An address that belongs to no machine: RFC 5737 reserves it for documentation. */
export const FOREIGN_ADDRESS = '198.51.100.7';
