import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_ROUTES, PARTNER_ROUTES } from '../../../../api/routes';
import { PRESET_SCOPES } from '../../../../shared/domain/agent';
import { newApiKey } from '../../../../shared/domain/api-key';
import type { AgentDoc } from '../../../../shared/store/agents';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { expectProblem } from '../../../support/problems';

let mir: Harness;
let partner: TestPartner;
let unknownKey: string;
beforeAll(async () => {
  mir = await startHarness({ workers: false, env: { TRUST_PROXY_HOPS: '1' } });
  partner = await mir.partner();
  unknownKey = newApiKey('live', partner.key.tag).key;
});
afterAll(() => mir.close());

/** Every route in the table, with arbitrary parameter values, because authorization comes before validation. */
const ROUTES = [
  ...PARTNER_ROUTES.map((one) => ({ ...one, prefix: '/v1' })),
  ...ADMIN_ROUTES.map((one) => ({ ...one, prefix: '' })),
].map(({ method, path, prefix, auth }) => ({ method, path: prefix + path.replaceAll(/:\w+/g, 'x'), auth }));
const withAuth = (kind: 'public' | 'admin') => ROUTES.filter(({ auth }) => auth.kind === kind);
const KEY_ROUTES = ROUTES.flatMap(({ auth, ...one }) => (auth.kind === 'key' ? [{ ...one, auth }] : []));
const ENTERPRISE_ROUTES = KEY_ROUTES.filter(({ auth }) => 'enterpriseOnly' in auth);

let addresses = 0;
/** Sends a request from a new IP address so that per-address throttles do not reject it. */
function send({ method, path }: { method: string; path: string }, key?: string): Promise<TestResponse> {
  addresses += 1;
  const headers = { 'x-forwarded-for': `10.1.${addresses >> 8}.${addresses & 255}` };
  const body = method === 'GET' ? {} : { body: {} };
  return mir.client.request(method, path, { headers, ...body, ...(key === undefined ? {} : { key }) });
}

describe('authorization matrix', () => {
  /** Returns the key of a new service account with this preset. */
  const agentKey = async (preset: AgentDoc['preset']): Promise<string> =>
    (await insertAgent(mir.ctx.store, partner, { type: 'SERVICE_ACCOUNT', preset })).apiKey;

  it('restricts only the expected routes to partner keys or to the ENTERPRISE plan', () => {
    const names = (flag: 'partnerOnly' | 'enterpriseOnly') =>
      KEY_ROUTES.filter(({ auth }) => flag in auth).map(({ method, path }) => `${method} ${path.slice('/v1/'.length)}`);
    expect(names('partnerOnly').toSorted()).toEqual([
      'DELETE partners/webhook',
      'GET agents/approvals',
      'GET agents/policy',
      'POST agents',
      'POST agents/approvals/x/approve',
      'POST agents/approvals/x/reject',
      'PUT agents/policy',
      'PUT partners/webhook',
    ]);
    expect(names('enterpriseOnly').toSorted()).toEqual([
      'PATCH agents/x',
      'POST agents',
      'POST agents/approvals/x/approve',
      'POST agents/x/key/rotate',
      'POST agents/x/reactivate',
      'POST agents/x/spawn',
      'PUT agents/policy',
    ]);
  });

  it.each(withAuth('public'))('requires no key: $method $path', async (route) => {
    expect([401, 403]).not.toContain((await send(route)).status);
  });

  it.each(withAuth('admin'))(
    'returns 401 without the admin token, even with a partner key: $method $path',
    async (route) => {
      expectProblem(await send(route), 401, 'ADMIN_TOKEN_INVALID');
      expectProblem(await send(route, partner.liveKey), 401, 'ADMIN_TOKEN_INVALID');
    },
  );

  it.each(KEY_ROUTES)('returns 401 without a valid key: $method $path', async (route) => {
    expectProblem(await send(route), 401, 'API_KEY_MISSING');
    expectProblem(await send(route, ''), 401, 'API_KEY_MISSING');
    expectProblem(await send(route, unknownKey), 401, 'API_KEY_INVALID');
  });

  it.each(KEY_ROUTES)('returns 403 to a suspended partner: $method $path', async (route) => {
    const { liveKey, testKey } = await mir.partner({ suspended: true });
    for (const key of [liveKey, liveKey, testKey]) expectProblem(await send(route, key), 403, 'PARTNER_SUSPENDED');
  });

  it.each(KEY_ROUTES)(
    'returns 403 to an agent without the required scope, and accepts an agent that has it: $method $path',
    async (route) => {
      for (const preset of ['READ_ONLY', 'STANDARD', 'ORCHESTRATOR', 'ADMIN'] as const) {
        const { status, body } = await send(route, await agentKey(preset));
        const expected = !PRESET_SCOPES[preset].includes(route.auth.scope)
          ? 'SCOPE_MISSING'
          : 'partnerOnly' in route.auth
            ? 'HUMAN_REQUIRED'
            : null;
        if (expected === null) expect([401, 403]).not.toContain(status);
        else expect([status, body.code]).toEqual([403, expected]);
      }
    },
  );

  it.each(ENTERPRISE_ROUTES)(
    'returns 403 to a partner that is not on the ENTERPRISE plan: $method $path',
    async (route) => {
      const { liveKey } = await mir.partner({ plan: 'STANDARD' });
      expectProblem(await send(route, liveKey), 403, 'ENTERPRISE_REQUIRED');
    },
  );
});

describe('API key authentication', () => {
  it.each<[string, (key: string) => string]>([
    ['an arbitrary word', () => 'secret'],
    ['a truncated key', (key) => key.slice(0, -1)],
    ['one extra character', (key) => `${key}0`],
    ['one changed character', (key) => key.slice(0, 30) + (key[30] === 'x' ? 'y' : 'x') + key.slice(31)],
    ['a wrong checksum', (key) => key.slice(0, -6) + (key.endsWith('000000') ? '000001' : '000000')],
    ['upper case', (key) => key.toUpperCase()],
    ['the wrong environment', (key) => key.replace('live', 'test')],
    ['an unknown environment', (key) => key.replace('live', 'prod')],
    ['two keys in one header', (key) => `${key}, ${key}`],
    ['a Bearer prefix', (key) => `Bearer ${key}`],
    ['a key repeated ten times', (key) => key.repeat(10)],
  ])('returns 401 for an invalid key: %s', async (_change, change) => {
    expectProblem(await mir.client.get('/v1/events', change(partner.liveKey)), 401, 'API_KEY_INVALID');
  });

  /** Invalid requests, each with the status returned when the key is valid. */
  const INVALID_REQUESTS: [string, number, (key: string) => Promise<TestResponse>][] = [
    ['an invalid event', 422, (key) => mir.client.post('/v1/events', key, { weight: 99 })],
    ['an empty batch', 422, (key) => mir.client.post('/v1/events', key, { events: [] })],
    ['malformed JSON', 400, (key) => mir.client.post('/v1/events', key, '{')],
    ['no body', 400, (key) => mir.client.post('/v1/events', key, '')],
    ['invalid UTF-8', 400, (key) => mir.client.post('/v1/events', key, Buffer.from([0x22, 0x80, 0x22]))],
    ['invalid gzip', 400, (key) => mir.client.post('/v1/events', key, 'x', { 'content-encoding': 'gzip' })],
    ['brotli', 415, (key) => mir.client.post('/v1/events', key, 'x', { 'content-encoding': 'br' })],
    [
      'an unsupported media type',
      415,
      (key) => mir.client.post('/v1/events', key, 'x', { 'content-type': 'text/plain' }),
    ],
    ['a body of 6 MiB', 413, (key) => mir.client.post('/v1/events', key, ' '.repeat(6 * 1024 * 1024))],
    ['an invalid header', 400, (key) => mir.client.post('/v1/events', key, anEvent(), { 'idempotency-key': '"' })],
    ['an invalid query', 422, (key) => mir.client.get('/v1/events?limit=0', key)],
    ['a forged cursor', 422, (key) => mir.client.get('/v1/events?cursor=a.b', key)],
    ['an invalid resolve request', 422, (key) => mir.client.post('/v1/resolve', key, {})],
    ['a resolve request with malformed JSON', 400, (key) => mir.client.post('/v1/resolve', key, '{')],
    ['an ID that is too long', 422, (key) => mir.client.get(`/v1/events/${'e'.repeat(101)}`, key)],
  ];

  it.each(INVALID_REQUESTS)(
    'returns 401 for an invalid key before validating the request: %s',
    async (_request, status, send) => {
      expect((await send(partner.liveKey)).status).toBe(status);
      for (const [key, code] of [
        [unknownKey, 'API_KEY_INVALID'],
        ['mir_live_nonsense', 'API_KEY_INVALID'],
        ['', 'API_KEY_MISSING'],
      ] as const) {
        const response = await send(key);
        expectProblem(response, 401, code);
        expect(response.body).not.toHaveProperty('errors');
        expect(response.headers.get('ratelimit')).toBeNull();
      }
    },
  );

  it.each(INVALID_REQUESTS)(
    'returns 403 to a suspended partner without validating the request: %s',
    async (_request, _status, send) => {
      const suspended = await mir.partner({ suspended: true });
      for (const key of [suspended.liveKey, suspended.testKey]) {
        const response = await send(key);
        expectProblem(response, 403, 'PARTNER_SUSPENDED');
        expect(response.body).not.toHaveProperty('errors');
      }
    },
  );

  it('never includes the API key in a response', async () => {
    for (const key of [partner.liveKey, unknownKey, `${partner.liveKey}x`]) {
      const responses = await Promise.all(INVALID_REQUESTS.map(([, , send]) => send(key)));
      expect(JSON.stringify(responses.map(({ body, headers }) => [body, [...headers]]))).not.toContain(key.slice(25));
    }
  });
});
