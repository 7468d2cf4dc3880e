import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import type { Harness, TestPartner } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';

let mir: Harness;
let partner: TestPartner;
let unknownKey: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  partner = await mir.partner();
  unknownKey = newApiKey('live', partner.key.tag).key;
});
afterAll(() => mir.close());

const ROUTES: [string, string, unknown][] = [
  ['POST', '/v1/events', anEvent()],
  ['POST', '/events', anEvent()],
  ['GET', '/v1/events', undefined],
  ['GET', '/v1/events/evt_live_x', undefined],
  ['GET', '/v1/events/receipts/rcpt_live_x', undefined],
  ['POST', '/v1/resolve', { userExternalId: 'u' }],
];

describe('API key authentication', () => {
  it.each(ROUTES)('returns 401 without a key: %s %s', async (method, path, body) => {
    expectProblem(await mir.client.request(method, path, { body }), 401, 'API_KEY_MISSING');
    expectProblem(await mir.client.request(method, path, { body, key: '' }), 401, 'API_KEY_MISSING');
  });

  it.each(ROUTES)('returns 401 for an unknown key: %s %s', async (method, path, body) => {
    expectProblem(await mir.client.request(method, path, { body, key: unknownKey }), 401, 'API_KEY_INVALID');
  });

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

  /** Invalid requests, each with the status that a valid key gets. */
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
    'returns 401 for a bad key before checking the request: %s',
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
    'returns 403 to a suspended partner without checking the request: %s',
    async (_request, _status, send) => {
      const suspended = await mir.partner({ suspended: true });
      for (const key of [suspended.liveKey, suspended.testKey]) {
        const response = await send(key);
        expectProblem(response, 403, 'PARTNER_SUSPENDED');
        expect(response.body).not.toHaveProperty('errors');
      }
    },
  );

  it.each(ROUTES)('returns 403 to a suspended partner whether or not its key is cached: %s %s', async (...route) => {
    const [method, path, body] = route;
    const { liveKey: key } = await mir.partner({ suspended: true });
    expectProblem(await mir.client.request(method, path, { body, key }), 403, 'PARTNER_SUSPENDED');
    expectProblem(await mir.client.request(method, path, { body, key }), 403, 'PARTNER_SUSPENDED');
  });

  it('never repeats the API key in a response', async () => {
    for (const key of [partner.liveKey, unknownKey, `${partner.liveKey}x`]) {
      const responses = await Promise.all(INVALID_REQUESTS.map(([, , send]) => send(key)));
      expect(JSON.stringify(responses.map(({ body, headers }) => [body, [...headers]]))).not.toContain(key.slice(25));
    }
  });
});
