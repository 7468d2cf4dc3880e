import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PARTNER_ROUTES } from '../../../../api/routes';
import { newApiKey } from '../../../../shared/domain/api-key';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { type Harness, startHarness, type TestPartner } from '../../../support/harness';
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

const KEY_ROUTES = PARTNER_ROUTES.flatMap(({ auth, ...one }) => (auth.kind === 'key' ? [{ ...one, auth }] : []));

describe('route table', () => {
  it('restricts only the expected routes to partner keys or to the ENTERPRISE plan', () => {
    const names = (flag: 'partnerOnly' | 'enterpriseOnly') =>
      KEY_ROUTES.filter(({ auth }) => flag in auth).map(({ method, path }) => `${method} ${path.slice(1)}`);
    expect(names('partnerOnly').toSorted()).toEqual([
      'DELETE members/:id',
      'DELETE members/invitations/:id',
      'DELETE partners/webhook',
      'DELETE receivers/:id',
      'GET agents/approvals',
      'GET agents/policy',
      'GET audit/verify',
      'GET members',
      'GET members/invitations',
      'GET receivers',
      'PATCH members/:id',
      'POST agents',
      'POST agents/approvals/:id/approve',
      'POST agents/approvals/:id/reject',
      'POST agents/find',
      'POST members/invitations',
      'POST receivers',
      'PUT agents/policy',
      'PUT partners/webhook',
    ]);
    expect(names('enterpriseOnly').toSorted()).toEqual([
      'PATCH agents/:id',
      'POST agents',
      'POST agents/:id/key/rotate',
      'POST agents/:id/reactivate',
      'POST agents/:id/spawn',
      'POST agents/approvals/:id/approve',
      'POST receivers',
      'PUT agents/policy',
    ]);
  });
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
