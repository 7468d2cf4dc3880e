import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { anEvent } from '../../../support/builders';
import type { TestAnswer } from '../../../support/client';
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
  it.each(ROUTES)('without a key: 401 at %s %s', async (method, path, body) => {
    expectProblem(await mir.client.request(method, path, { body }), 401, 'API_KEY_MISSING');
    expectProblem(await mir.client.request(method, path, { body, key: '' }), 401, 'API_KEY_MISSING');
  });

  it.each(ROUTES)('with a key nobody holds: 401 at %s %s', async (method, path, body) => {
    expectProblem(await mir.client.request(method, path, { body, key: unknownKey }), 401, 'API_KEY_INVALID');
  });

  it.each<[string, (key: string) => string]>([
    ['a word', () => 'secret'],
    ['cut short', (key) => key.slice(0, -1)],
    ['one character more', (key) => `${key}0`],
    ['another letter in the secret', (key) => key.slice(0, 30) + (key[30] === 'x' ? 'y' : 'x') + key.slice(31)],
    ['another checksum', (key) => key.slice(0, -6) + (key.endsWith('000000') ? '000001' : '000000')],
    ['upper case', (key) => key.toUpperCase()],
    ['another env', (key) => key.replace('live', 'test')],
    ['an unknown env', (key) => key.replace('live', 'prod')],
    ['two keys in one header', (key) => `${key}, ${key}`],
    ['a scheme before it', (key) => `Bearer ${key}`],
    ['a thousand characters', (key) => key.repeat(10)],
  ])('a mistyped key is 401: %s', async (_what, change) => {
    expectProblem(await mir.client.get('/v1/events', change(partner.liveKey)), 401, 'API_KEY_INVALID');
  });

  /** Everything that can be wrong with a body or query, each with the status a good key gets for it. */
  const FAULTS: [string, number, (key: string) => Promise<TestAnswer>][] = [
    ['an invalid event', 422, (key) => mir.client.post('/v1/events', key, { weight: 99 })],
    ['an empty batch', 422, (key) => mir.client.post('/v1/events', key, { events: [] })],
    ['malformed JSON', 400, (key) => mir.client.post('/v1/events', key, '{')],
    ['no body', 400, (key) => mir.client.post('/v1/events', key, '')],
    ['invalid UTF-8', 400, (key) => mir.client.post('/v1/events', key, Buffer.from([0x22, 0x80, 0x22]))],
    ['bad gzip', 400, (key) => mir.client.post('/v1/events', key, 'x', { 'content-encoding': 'gzip' })],
    ['brotli', 415, (key) => mir.client.post('/v1/events', key, 'x', { 'content-encoding': 'br' })],
    ['a media type', 415, (key) => mir.client.post('/v1/events', key, 'x', { 'content-type': 'text/plain' })],
    ['6 MiB', 413, (key) => mir.client.post('/v1/events', key, ' '.repeat(6 * 1024 * 1024))],
    ['a bad header', 400, (key) => mir.client.post('/v1/events', key, anEvent(), { 'idempotency-key': '"' })],
    ['a bad query', 422, (key) => mir.client.get('/v1/events?limit=0', key)],
    ['a forged cursor', 422, (key) => mir.client.get('/v1/events?cursor=a.b', key)],
    ['a bad resolve', 422, (key) => mir.client.post('/v1/resolve', key, {})],
    ['a resolve that is no JSON', 400, (key) => mir.client.post('/v1/resolve', key, '{')],
    ['an overlong id', 422, (key) => mir.client.get(`/v1/events/${'e'.repeat(101)}`, key)],
  ];

  it.each(FAULTS)('who asks is settled before what is asked: %s', async (_what, status, send) => {
    expect((await send(partner.liveKey)).status).toBe(status);
    for (const [key, code] of [
      [unknownKey, 'API_KEY_INVALID'],
      ['mir_live_nonsense', 'API_KEY_INVALID'],
      ['', 'API_KEY_MISSING'],
    ] as const) {
      const answer = await send(key);
      expectProblem(answer, 401, code);
      expect(answer.body).not.toHaveProperty('errors');
      expect(answer.headers.get('ratelimit')).toBeNull();
    }
  });

  it.each(FAULTS)('a suspended partner gets 403 and no more: %s', async (_what, _status, send) => {
    const suspended = await mir.partner({ suspended: true });
    for (const key of [suspended.liveKey, suspended.testKey]) {
      const answer = await send(key);
      expectProblem(answer, 403, 'PARTNER_SUSPENDED');
      expect(answer.body).not.toHaveProperty('errors');
    }
  });

  it.each(ROUTES)(
    'a suspended partner gets 403 at %s %s, from the first request and from then on',
    async (...route) => {
      const [method, path, body] = route;
      const { liveKey: key } = await mir.partner({ suspended: true });
      expectProblem(await mir.client.request(method, path, { body, key }), 403, 'PARTNER_SUSPENDED');
      expectProblem(await mir.client.request(method, path, { body, key }), 403, 'PARTNER_SUSPENDED');
    },
  );

  it('a key is a secret: no answer repeats it', async () => {
    for (const key of [partner.liveKey, unknownKey, `${partner.liveKey}x`]) {
      const answers = await Promise.all(FAULTS.map(([, , send]) => send(key)));
      expect(JSON.stringify(answers.map(({ body, headers }) => [body, [...headers]]))).not.toContain(key.slice(25));
    }
  });
});
