import { gzipSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Route } from '../../../api/http/route';
import { PAGES } from '../../../api/web/routes';
import { WITHOUT_WAITING } from '../../support/audit-stream';
import { ADMIN_TOKEN, type Harness } from '../../support/harness';
import { startHarnessForPeople } from '../../support/people';
import { rawRequest, type RawResponse } from '../../support/raw-request';
import { shareHarness } from '../../support/shared-harness';
import { credentialsOf } from './credential';
import { controlOf } from '../matrix/controls';
import { MOUNTED_ROUTES } from '../matrix/mounted-routes';
import { createLeakedKeys, newAddress } from '../matrix/resources';

const KIB = 1024;

let mir: Harness;
let key: string;
let credential: ReturnType<typeof credentialsOf>;
beforeAll(async () => {
  mir = await shareHarness('HTTP attacks', () => startHarnessForPeople({ workers: false }));
  await createLeakedKeys(mir);
});
// Each test has its own budgets.
beforeEach(async () => {
  const partner = await mir.partner();
  key = partner.liveKey;
  credential = credentialsOf(mir, partner.partnerId, key);
});

const filled = (path: string): string => path.replaceAll(/:\w+/g, 'x').replaceAll(/\{[^}]*\}/g, '');
/** Returns a URL for a GET request that does not wait for something new. */
const readable = (path: string): string => filled(path) + (WITHOUT_WAITING[path.replace(/^\/v1/, '')] ?? '');
const withBody = MOUNTED_ROUTES.filter(({ route }) => route.body !== undefined);
const reads = MOUNTED_ROUTES.filter(({ route }) => route.method === 'GET');

const send = (
  method: string,
  path: string,
  headers: Record<string, string | string[]> = {},
  body?: string | Buffer,
): Promise<RawResponse> =>
  rawRequest(mir.url, {
    method,
    path,
    headers: { ...newAddress(), ...headers },
    ...(body === undefined ? {} : { body }),
  });

describe('methods', () => {
  it.each(reads)('treats HEAD like GET, without a body: $name', async ({ route, urls }) => {
    for (const headers of [{}, await credential(route)]) {
      for (const url of urls.map(readable)) {
        const [get, head] = [await send('GET', url, headers), await send('HEAD', url, headers)];
        expect([url, head.status, head.text]).toEqual([url, get.status, '']);
      }
    }
  });

  it.each(MOUNTED_ROUTES)('returns 405 for OPTIONS and TRACE, and echoes nothing: $name', async ({ urls }) => {
    for (const url of urls.map(filled)) {
      const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
      for (const method of ['OPTIONS', 'TRACE']) {
        const { status, headers, text } = await send(method, url, { ...preflight, 'x-probe': 'probe-4711' });
        expect([url, status]).toEqual([url, 405]);
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
        expect(text).not.toContain('probe-4711');
      }
    }
  });

  it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])('ignores %s', async (header) => {
    const { status } = await send('GET', '/v1/partners/webhook', { 'x-api-key': key, [header]: 'DELETE' });
    expect([200, 404]).toContain(status);
    expect(
      (await send('POST', '/v1/partners/webhook?_method=DELETE', { 'x-api-key': key, [header]: 'DELETE' })).status,
    ).toBe(405);
  });

  it('does not answer to other sites: no response allows cross-origin reads', async () => {
    const paths = [...MOUNTED_ROUTES.flatMap(({ urls }) => urls), ...PAGES.map(({ path }) => path)];
    for (const path of paths) {
      const { headers } = await send('GET', readable(path), { 'x-api-key': key, origin: 'https://evil.example' });
      expect([path, headers['access-control-allow-origin']]).toEqual([path, undefined]);
    }
  });
});

describe('paths', () => {
  const guarded = MOUNTED_ROUTES.filter(({ route }) => route.auth.kind !== 'public');

  const tricks: [string, (path: string) => string][] = [
    ['dot segments', (path) => `/v1/x/..${path}`],
    ['encoded dot segments', (path) => `/healthz/%2e%2e${path}`],
    ['a single dot', (path) => `/.${path}`],
    ['a double slash', (path) => `/${path}`],
    ['a trailing dot segment', (path) => `${path}/.`],
    ['a path parameter', (path) => `${path};a=b`],
    ['an encoded slash', (path) => path.replace('/', '/').replaceAll(/(?<=.)\//g, '%2f')],
    ['a backslash', (path) => path.replaceAll(/(?<=.)\//g, '\\')],
    ['an encoded letter', (path) => path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`)],
    ['upper case', (path) => path.toUpperCase()],
    ['a trailing slash', (path) => `${path}/`],
    ['an encoded NUL', (path) => `${path}%00`],
    ['an encoded line break', (path) => `${path}%0d%0aX-Api-Key:%20x`],
    ['an absolute URL', (path) => `http://evil.example${path}`],
    ['a fragment', (path) => `${path}#/healthz`],
    ['a query that names another path', (path) => `${path}?/healthz`],
    ['another version', (path) => `/v0${path}`],
  ];

  it.each(tricks)('never reaches a route without credentials: %s', async (_name, trick) => {
    const reached: string[] = [];
    for (const { route, urls } of guarded) {
      for (const url of urls.map(filled)) {
        const { status } = await send(route.method, trick(url));
        if (![400, 401, 404, 405].includes(status)) reached.push(`${route.method} ${trick(url)}: ${status}`);
      }
    }
    expect(reached).toEqual([]);
  });

  it('rewrites no path by a header', async () => {
    for (const header of ['x-original-url', 'x-rewrite-url', 'x-forwarded-prefix', 'x-forwarded-path']) {
      const { status } = await send('GET', '/v1/event-types', {
        [header]: '/admin/partners',
        'x-admin-token': ADMIN_TOKEN,
      });
      const { status: other } = await send('GET', '/nowhere', {
        [header]: '/admin/partners',
        'x-admin-token': ADMIN_TOKEN,
      });
      expect([header, status, other]).toEqual([header, 200, 404]);
    }
  });
});

describe('bodies', () => {
  const json = ({ route }: { route: Route }): string => JSON.stringify(controlOf(route).body?.() ?? {});

  it.each(withBody)('accepts only JSON in UTF-8, and forms where they are declared: $name', async (one) => {
    const { acceptsForm } = one.route;
    const types = [
      'text/plain',
      'text/json',
      ...(acceptsForm ? [] : ['application/x-www-form-urlencoded']),
      'multipart/form-data; boundary=x',
      'application/json-patch+json',
      'application/json; charset=utf-16',
      'application/json; charset="utf-7"',
      'application/json, text/plain',
      'application/xml',
      '',
      ...(one.route.path === '/events' ? [] : ['application/x-ndjson']),
    ];
    for (const type of types) {
      const { status, text } = await send(
        one.route.method,
        filled(one.urls[0]!),
        { ...(await credential(one.route)), 'content-type': type },
        json(one),
      );
      expect([type, status, JSON.parse(text).code]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE']);
    }
  });

  it.each(withBody)('accepts only gzip, and limits the decompressed size: $name', async (one) => {
    const headers = { ...(await credential(one.route)), 'content-type': 'application/json' };
    const path = filled(one.urls[0]!);
    for (const coding of ['br', 'deflate', 'zstd', 'compress', 'gzip, gzip', 'gzip, br', 'x']) {
      const { status } = await send(one.route.method, path, { ...headers, 'content-encoding': coding }, json(one));
      expect([coding, status]).toEqual([coding, 415]);
    }
    const bomb = gzipSync(Buffer.alloc(16 * KIB * KIB, ' '));
    expect(bomb.length).toBeLessThan(32 * KIB);
    const inflated = await send(one.route.method, path, { ...headers, 'content-encoding': 'gzip' }, bomb);
    expect([inflated.status, JSON.parse(inflated.text).code]).toEqual([413, 'BODY_TOO_LARGE']);
    const truncated = gzipSync(json(one)).subarray(0, 12);
    expect((await send(one.route.method, path, { ...headers, 'content-encoding': 'gzip' }, truncated)).status).toBe(
      400,
    );
  });

  it.each(withBody)('rejects invalid and deeply nested text before it is parsed: $name', async (one) => {
    const headers = { ...(await credential(one.route)), 'content-type': 'application/json' };
    const bodies: [string, Buffer | string, string][] = [
      ['an overlong encoding', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'INVALID_ENCODING'],
      ['an encoded surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'INVALID_ENCODING'],
      ['a truncated character', Buffer.from([0x22, 0xe2, 0x82, 0x22]), 'INVALID_ENCODING'],
      ['deep nesting', '['.repeat(50_000), 'INVALID_JSON'],
      ['NaN', '{"a":NaN}', 'INVALID_JSON'],
      ['a comment', '{}/*', 'INVALID_JSON'],
      ['two documents', '{}{}', 'INVALID_JSON'],
    ];
    for (const [name, body, code] of bodies) {
      const { status, text } = await send(one.route.method, filled(one.urls[0]!), headers, body);
      expect([name, status, JSON.parse(text).code]).toEqual([name, 400, code]);
    }
  });
});
