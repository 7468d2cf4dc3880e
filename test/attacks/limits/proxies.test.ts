import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MAX_APPLICATIONS_PER_HOUR } from '../../../api/partners/submit-application';
import { readConfig } from '../../../shared/config/config';
import { type Harness } from '../../support/harness';
import { anApplication } from '../../support/partners';
import { startHarnessForPeople } from '../../support/people';
import { rawRequest } from '../../support/raw-request';
import { serveApi, type ServedApi } from '../../support/serve-api';

let mir: Harness;
const apis: ServedApi[] = [];
beforeAll(async () => {
  mir = await startHarnessForPeople({ workers: false });
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
  await mir.close();
});

/** Starts an API behind this many trusted proxies, with its own throttles. */
async function apiBehind(hops: number): Promise<ServedApi> {
  const keyspace = `${mir.env['KEYSPACE']}-${hops}`;
  const api = await serveApi(readConfig({ ...mir.env, TRUST_PROXY_HOPS: String(hops), KEYSPACE: keyspace }));
  apis.push(api);
  return api;
}

/** Returns the statuses of applications with these X-Forwarded-For headers. The throttle counts them by address. */
async function statuses({ client }: ServedApi, forwarded: string[], more: Record<string, string> = {}) {
  const sent: number[] = [];
  for (const value of forwarded) {
    const headers = { 'x-forwarded-for': value, ...more };
    sent.push((await client.post('/v1/partners/applications', undefined, anApplication(), headers)).status);
  }
  return sent;
}

const accepted = Array<number>(MAX_APPLICATIONS_PER_HOUR).fill(202);
const attempts = MAX_APPLICATIONS_PER_HOUR + 1;

describe('the client address', () => {
  it('is the address of the connection without proxies, whatever the headers say', async () => {
    const api = await apiBehind(0);
    const spoofed = Array.from({ length: attempts }, (_, n) => `10.1.1.${n}`);
    const others = { 'x-real-ip': '10.9.9.9', forwarded: 'for=10.9.9.9', 'true-client-ip': '10.9.9.9' };
    expect(await statuses(api, spoofed, others)).toEqual([...accepted, 429]);
  });

  it('is the last address of X-Forwarded-For behind one proxy, which a client cannot choose', async () => {
    const api = await apiBehind(1);
    const spoofed = Array.from({ length: attempts }, (_, n) => `10.1.1.${n}, 10.2.2.2`);
    expect(await statuses(api, spoofed)).toEqual([...accepted, 429]);
    expect(await statuses(api, ['10.2.2.2, 10.2.2.3'])).toEqual([202]);
  });

  it('is the last but one address behind two proxies, however long the header is', async () => {
    const api = await apiBehind(2);
    const spoofed = Array.from(
      { length: attempts },
      (_, n) => `${'10.1.1.1, '.repeat(n * 50)}10.1.1.${n}, 10.2.2.2, 10.3.3.3`,
    );
    expect(await statuses(api, spoofed)).toEqual([...accepted, 429]);
    expect(await statuses(api, ['10.2.2.2, 10.2.2.9, 10.3.3.3'])).toEqual([202]);
  });
});

describe('headers about the host and the protocol', () => {
  const spoofed = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-port': '444',
    forwarded: 'host=evil.example;proto=https',
  };

  it.each([0, 1, 2])('change no URL and no cookie behind %i proxies', async (hops) => {
    const { url, client } = await apiBehind(hops);
    const page = await rawRequest(url, { path: '/login', headers: { accept: 'text/html', ...spoofed } });
    expect(page.headers['set-cookie']!.join()).toMatch(
      /^mir_visitor=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+$/,
    );
    expect(page.headers['strict-transport-security']).toBeUndefined();
    const missing = await rawRequest(url, { path: '/v1/events/x', headers: spoofed });
    const { liveKey } = await mir.partner();
    const invited = await client.request('POST', '/v1/partners/link/invite', {
      key: liveKey,
      headers: { 'x-forwarded-host': 'evil.example' },
      body: { userExternalId: `u-${hops}` },
    });
    expect(new URL(invited.body.url as string).origin).toBe(new URL(mir.ctx.config.publicUrl).origin);
    for (const text of [page.text, JSON.stringify(page.headers), missing.text, JSON.stringify(invited.body)]) {
      expect(text).not.toContain('evil');
    }
  });
});
