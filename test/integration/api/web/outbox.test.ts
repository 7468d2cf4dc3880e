import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import { startHarnessForPeople } from '../../../support/people';
import { rawRequest } from '../../../support/raw-request';

/** Addresses of this machine that are not loopback ones; a sandbox may have none. */
const OUTER_ADDRESSES = Object.values(networkInterfaces()).flatMap((addresses = []) =>
  addresses.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
);

let h: Harness;
let host: string;
beforeAll(async () => {
  h = await startHarnessForPeople({ workers: false });
  ({ host } = new URL(h.url));
});
afterAll(() => h.close());

/** Opens the outbox from an address of this machine, with headers that claim to come from loopback. */
const outboxFrom = (localAddress: string) =>
  rawRequest(`http://127.0.0.1:${new URL(h.url).port}`, {
    path: '/outbox',
    headers: { host, 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' },
    localAddress,
  });

describe('the outbox page', () => {
  it('is shown to a connection from a loopback address', async () => {
    const { status, text } = await outboxFrom('127.0.0.1');
    expect([status, text.includes('<h1>Outbox</h1>')]).toEqual([200, true]);
  });

  (OUTER_ADDRESSES.length > 0 ? it : it.skip)(
    'is not shown to a connection from another address of this machine (skipped where it has none)',
    async () => {
      for (const address of OUTER_ADDRESSES) {
        const { status, text } = await outboxFrom(address);
        expect([address, status, text.includes('<h1>Outbox</h1>')]).toEqual([address, 404, false]);
      }
    },
  );

  it('is not shown under another host name, which a foreign site may point at this machine', async () => {
    const { port } = new URL(h.url);
    for (const name of [`evil.example:${port}`, `127.0.0.1:${port}`, 'localhost']) {
      const { status } = await rawRequest(h.url, { path: '/outbox', headers: { host: name } });
      expect([name, status]).toEqual([name, 404]);
    }
  });
});
