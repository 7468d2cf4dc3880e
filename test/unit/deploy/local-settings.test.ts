import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../../deploy/local/ports';
import { localSettings } from '../../../deploy/local/settings';
import { readConfig } from '../../../shared/config/config';
import { otherAddresses } from '../../support/reach';
import { tempDirs } from '../../support/temp-dirs';

const { tempDir } = tempDirs();
const STORES = { MONGO_URL: 'mongodb://127.0.0.1/mir', REDIS_URL: 'redis://127.0.0.1' };

/** What the processes of `npm start` read from an environment that has these settings. */
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

describe('settings of npm start', () => {
  it.each([...unset, ...explicit])(
    'webhooks to private addresses with NODE_ENV=$nodeEnv PUBLIC_URL=$publicUrl and the setting "$given": $expected',
    async ({ nodeEnv, publicUrl, given, expected }) => {
      const { webhooksToPrivateAddresses } = await settingsUnder({
        NODE_ENV: nodeEnv,
        PUBLIC_URL: publicUrl,
        WEBHOOKS_TO_PRIVATE_ADDRESSES: given,
      });
      expect(webhooksToPrivateAddresses).toBe(expected);
    },
  );

  it.each(['0.0.0.0', '::'])('webhooks to private addresses stay off when BIND_ADDRESS is %s', async (wildcard) => {
    expect(await settingsUnder({ BIND_ADDRESS: wildcard })).toMatchObject({ webhooksToPrivateAddresses: false });
  });

  it('without PUBLIC_URL the address that is listened on decides: another one than loopback is not local', async () => {
    const narrow = await settingsUnder({ BIND_ADDRESS: '127.0.0.1' });
    expect(narrow).toMatchObject({ bindAddress: '127.0.0.1', webhooksToPrivateAddresses: true });
    const own = otherAddresses()[0]!;
    const wide = await settingsUnder({ BIND_ADDRESS: own });
    expect(wide).toMatchObject({ bindAddress: own, webhooksToPrivateAddresses: false });
  });

  it('the processes listen on loopback unless BIND_ADDRESS is given', async () => {
    expect((await settingsUnder({})).bindAddress).toBe('localhost');
    expect((await settingsUnder({ BIND_ADDRESS: '' })).bindAddress).toBe('localhost');
    expect((await settingsUnder({ BIND_ADDRESS: '0.0.0.0' })).bindAddress).toBe('0.0.0.0');
  });

  it('a PUBLIC_URL that is none is reported as any other wrong setting', async () => {
    await expect(settingsUnder({ PUBLIC_URL: 'mir.example' })).rejects.toThrow(/ {2}- PUBLIC_URL: /);
  });

  /** The ports that `npm start` chooses under these settings: of the API, the metrics and the workers. */
  async function portsUnder(given: NodeJS.ProcessEnv): Promise<number[]> {
    const { ports } = await localSettings(given, tempDir());
    return [ports.api, ports.metrics, ...ports.workers].map(({ number }) => number);
  }

  it('the other ports are counted from PORT, so that a second instance needs no more than another PORT', async () => {
    const first = await freePort();
    const PORT = String(first);
    expect(await portsUnder({ PORT, WORKERS: '2' })).toEqual([first, first + 100, first + 200, first + 201]);
    const given = { METRICS_PORT: String(first + 50), WORKER_PORT: String(first + 60) };
    expect(await portsUnder({ PORT, ...given })).toEqual([first, first + 50, first + 60]);
  });

  it('where there is no room above PORT, the other ports are any free ones', async () => {
    const ports = await portsUnder({ PORT: '65500', WORKERS: '2' });
    expect(ports[0]).toBe(65_500);
    expect(ports.every((port) => port <= 65_535)).toBe(true);
    expect(new Set(ports).size).toBe(4);
  });

  it('a counted port that is taken gives way to the next one', async () => {
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
