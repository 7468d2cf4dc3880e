import { createServer, type Server } from 'node:http';
import { isIPv4 } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { addressesOf, listenOnEach } from '../../../../shared/process/listen';
import { isReachable, loopbackAddresses, otherAddresses, reachableOf } from '../../../support/reach';

/** An address that belongs to no machine: RFC 5737 reserves it for documentation. */
const FOREIGN_ADDRESS = '198.51.100.7';
const opened: Server[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => new Promise((resolve) => void server.close(resolve))));
});

async function open(addresses: readonly (string | undefined)[], port = 0): Promise<{ port: number }> {
  const { servers, port: chosen } = await listenOnEach(addresses, (_req, res) => res.end('here'), port, 'PORT');
  opened.push(...servers);
  return { port: chosen };
}

const all = [...loopbackAddresses(), ...otherAddresses()];
const reachable: [bindAddress: string | null, addresses: string[]][] = [
  [null, all],
  ['127.0.0.1', ['127.0.0.1']],
  ['0.0.0.0', all.filter(isIPv4)],
];
if (loopbackAddresses().includes('::1')) reachable.push(['::1', ['::1']], ['::', all]);

describe('listenOnEach', () => {
  it('finds an additional address of this machine, which the next tests need', () => {
    expect(otherAddresses()).not.toEqual([]);
  });

  it.each(reachable)('makes a server with BIND_ADDRESS %s reachable only at %j', async (bindAddress, addresses) => {
    const { port } = await open(addressesOf(bindAddress));
    expect(await reachableOf(all, port)).toEqual(addresses);
  });

  it('serves localhost on the same port of both loopback addresses', async () => {
    const { port } = await open(addressesOf('localhost'));
    expect(await reachableOf(loopbackAddresses(), port)).toEqual(loopbackAddresses());
    for (const address of loopbackAddresses()) {
      const host = address.includes(':') ? `[${address}]` : address;
      expect(await (await fetch(`http://${host}:${port}`)).text()).toBe('here');
    }
  });

  it('skips addresses that this machine does not have, and rejects if the machine has none of the addresses', async () => {
    const { port } = await open([FOREIGN_ADDRESS, '127.0.0.1']);
    expect(await isReachable('127.0.0.1', port)).toBe(true);
    await expect(open([FOREIGN_ADDRESS])).rejects.toThrow(
      `This machine cannot listen on ${FOREIGN_ADDRESS} (EADDRNOTAVAIL). Set BIND_ADDRESS to one of its own addresses`,
    );
  });

  it('rejects a port that is in use on one of the addresses, and does not listen on the others', async () => {
    const blocker = createServer();
    opened.push(blocker);
    await new Promise<void>((resolve) => void blocker.listen(0, '127.0.0.1', resolve));
    const { port } = blocker.address() as { port: number };
    const addresses = process.platform === 'linux' ? ['127.0.0.2', '127.0.0.1'] : ['::1', '127.0.0.1'];
    await expect(open(addresses, port)).rejects.toThrow(
      `Port ${port} is in use by another process. Choose another port with PORT.`,
    );
    expect(await isReachable(addresses[0]!, port)).toBe(false);
  });
});
