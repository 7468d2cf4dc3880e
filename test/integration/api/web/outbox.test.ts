import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../../support/harness';
import { sharedHarnessForPeople } from '../../../support/people';
import { rawRequest } from '../../../support/raw-request';

/** Non-loopback IPv4 addresses of this machine; a sandbox may have none. */
const EXTERNAL_ADDRESSES = Object.values(networkInterfaces()).flatMap((addresses = []) =>
  addresses.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
);

let h: Harness;
let host: string;
beforeAll(async () => {
  h = await sharedHarnessForPeople();
  ({ host } = new URL(h.url));
});
afterAll(() => h.close());

/** Requests the outbox from a local address, with headers claiming that the client is on a loopback address. */
const outboxFrom = (localAddress: string) =>
  rawRequest(`http://127.0.0.1:${new URL(h.url).port}`, {
    path: '/outbox',
    headers: { host, 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1' },
    localAddress,
  });

describe('outbox page', () => {
  it('shows the outbox to clients on a loopback address', async () => {
    const { status, text } = await outboxFrom('127.0.0.1');
    expect([status, text.includes('<h1>Outbox</h1>')]).toEqual([200, true]);
  });

  (EXTERNAL_ADDRESSES.length > 0 ? it : it.skip)(
    'hides the outbox from clients on non-loopback addresses of this machine (skipped if there are none)',
    async () => {
      for (const address of EXTERNAL_ADDRESSES) {
        const { status, text } = await outboxFrom(address);
        expect([address, status, text.includes('<h1>Outbox</h1>')]).toEqual([address, 404, false]);
      }
    },
  );

  it('hides the outbox from requests for other host names, to prevent DNS rebinding', async () => {
    const { port } = new URL(h.url);
    for (const name of [`evil.example:${port}`, `127.0.0.1:${port}`, 'localhost']) {
      const { status } = await rawRequest(h.url, { path: '/outbox', headers: { host: name } });
      expect([name, status]).toEqual([name, 404]);
    }
  });
});
