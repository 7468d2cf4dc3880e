import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { freePort, nextFreePort } from '../../../deploy/local/ports';
import { localSettings } from '../../../deploy/local/settings';
import { readConfig } from '../../../shared/config/config';
import { otherAddresses } from '../../support/reach';
import { tempDirs } from '../../support/temp-dirs';

const { tempDir } = tempDirs();
const STORES = { MONGO_URL: 'mongodb://127.0.0.1/mir', REDIS_URL: 'redis://127.0.0.1' };

/** Returns the settings that the processes started by `npm start` read in this environment. */
async function settingsUnder(given: NodeJS.ProcessEnv) {
  const { env } = await localSettings(given, tempDir());
  return readConfig({ ...env, ...STORES });
}

const LOCAL = ['', 'http://localhost:3000', 'http://127.0.0.1:3000', 'http://[::1]:3000'];
const REMOTE = ['https://mir.example', 'http://192.0.2.1:3000', 'http://localhost.mir.example'];
const OUTSIDE_PRODUCTION = ['', 'development', 'test'];
const unset = [
  ...OUTSIDE_PRODUCTION.flatMap((nodeEnv) => LOCAL.map((publicUrl) => ({ nodeEnv, publicUrl, expected: true }))),
  ...OUTSIDE_PRODUCTION.flatMap((nodeEnv) => REMOTE.map((publicUrl) => ({ nodeEnv, publicUrl, expected: false }))),
  ...[...LOCAL, ...REMOTE].map((publicUrl) => ({ nodeEnv: 'production', publicUrl, expected: false })),
].map((one) => ({ ...one, given: '' }));
const explicit = [...OUTSIDE_PRODUCTION, 'production'].flatMap((nodeEnv) =>
  [LOCAL[0]!, REMOTE[0]!].flatMap((publicUrl) =>
    [true, false].map((expected) => ({ nodeEnv, publicUrl, given: String(expected), expected })),
  ),
);

describe('localSettings', () => {
  it.each([...unset, ...explicit])(
    'sets webhooksToPrivateAddresses to $expected for NODE_ENV=$nodeEnv, PUBLIC_URL=$publicUrl and the setting "$given"',
    async ({ nodeEnv, publicUrl, given, expected }) => {
      const { webhooksToPrivateAddresses } = await settingsUnder({
        NODE_ENV: nodeEnv,
        PUBLIC_URL: publicUrl,
        WEBHOOKS_TO_PRIVATE_ADDRESSES: given,
      });
      expect(webhooksToPrivateAddresses).toBe(expected);
    },
  );

  it.each(['0.0.0.0', '::'])(
    'keeps webhooks to private addresses disabled when BIND_ADDRESS is %s',
    async (wildcard) => {
      expect(await settingsUnder({ BIND_ADDRESS: wildcard })).toMatchObject({ webhooksToPrivateAddresses: false });
    },
  );

  it('treats only a loopback BIND_ADDRESS as local if PUBLIC_URL is unset', async () => {
    const narrow = await settingsUnder({ BIND_ADDRESS: '127.0.0.1' });
    expect(narrow).toMatchObject({ bindAddress: '127.0.0.1', webhooksToPrivateAddresses: true });
    const own = otherAddresses()[0]!;
    const wide = await settingsUnder({ BIND_ADDRESS: own });
    expect(wide).toMatchObject({ bindAddress: own, webhooksToPrivateAddresses: false });
  });

  it('listens on loopback by default', async () => {
    expect((await settingsUnder({})).bindAddress).toBe('localhost');
    expect((await settingsUnder({ BIND_ADDRESS: '' })).bindAddress).toBe('localhost');
    expect((await settingsUnder({ BIND_ADDRESS: '0.0.0.0' })).bindAddress).toBe('0.0.0.0');
  });

  it('reports an invalid PUBLIC_URL like any other invalid setting', async () => {
    await expect(settingsUnder({ PUBLIC_URL: 'mir.example' })).rejects.toThrow(/ {2}- PUBLIC_URL: /);
  });

  /** Returns the ports that `npm start` chooses for the API, its metrics and the workers. */
  async function portsUnder(given: NodeJS.ProcessEnv): Promise<number[]> {
    const { ports } = await localSettings(given, tempDir());
    return [ports.api, ports.metrics, ...ports.workers].map(({ number }) => number);
  }

  it('derives the other ports from PORT, so a second instance needs only a different PORT', async () => {
    // Below the ports of the servers that other tests start.
    const first = await nextFreePort(randomInt(10_000, 19_000));
    const PORT = String(first);
    expect(await portsUnder({ PORT, WORKERS: '2' })).toEqual([first, first + 100, first + 200, first + 201]);
    const given = { METRICS_PORT: String(first + 50), WORKER_PORT: String(first + 60) };
    expect(await portsUnder({ PORT, ...given })).toEqual([first, first + 50, first + 60]);
  });

  it('picks random free ports if the derived ports exceed the port range', async () => {
    const ports = await portsUnder({ PORT: '65500', WORKERS: '2' });
    expect(ports[0]).toBe(65_500);
    expect(ports.every((port) => port <= 65_535)).toBe(true);
    expect(new Set(ports).size).toBe(4);
  });

  it('skips a derived port that is in use', async () => {
    const first = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(first + 100, resolve));
    try {
      expect(await portsUnder({ PORT: String(first) })).toEqual([first, first + 101, first + 200]);
    } finally {
      server.close();
    }
  });
});
