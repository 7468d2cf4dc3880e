import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { addressesOf, listenOnEach } from '../../../../shared/process/listen';
import { isReached, loopbackAddresses, reachedOf } from '../../../support/reach';

/** Reserved for documentation (RFC 5737), so no machine has it. */
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

describe('listenOnEach', () => {
  it('localhost is one port on both loopback addresses, and both answer', async () => {
    const { port } = await open(addressesOf('localhost'));
    expect(await reachedOf(loopbackAddresses(), port)).toEqual(loopbackAddresses());
    for (const address of loopbackAddresses()) {
      const host = address.includes(':') ? `[${address}]` : address;
      expect(await (await fetch(`http://${host}:${port}`)).text()).toBe('here');
    }
  });

  it('an address that this machine lacks is skipped while another one is left', async () => {
    const { port } = await open([FOREIGN_ADDRESS, '127.0.0.1']);
    expect(await isReached('127.0.0.1', port)).toBe(true);
    await expect(open([FOREIGN_ADDRESS])).rejects.toThrow(
      `This machine cannot listen on ${FOREIGN_ADDRESS} (EADDRNOTAVAIL). Set BIND_ADDRESS to one of its own addresses`,
    );
  });

  it('a port that is taken on one address is taken, and is free on the others afterwards', async () => {
    const taken = createServer();
    opened.push(taken);
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    const addresses = process.platform === 'linux' ? ['127.0.0.2', '127.0.0.1'] : ['::1', '127.0.0.1'];
    await expect(open(addresses, port)).rejects.toThrow(
      `Port ${port} is taken by another process. Choose another with PORT.`,
    );
    expect(await isReached(addresses[0]!, port)).toBe(false);
  });
});
