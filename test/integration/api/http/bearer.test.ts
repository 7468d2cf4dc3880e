import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '../../../../shared/domain/api-key';
import { anEvent } from '../../../support/builders';
import type { TestResponse } from '../../../support/client';
import { ADMIN_TOKEN, type Harness, type TestPartner } from '../../../support/harness';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';
import { sharedHarness } from '../../../support/shared-harness';

let mir: Harness;
let partner: TestPartner;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  partner = await mir.partner();
});
afterAll(() => mir.close());

const ROUTES: [string, string, unknown, number][] = [
  ['POST', '/v1/events', anEvent(), 202],
  ['POST', '/v1/events', { events: [anEvent()] }, 202],
  ['POST', '/v1/resolve', { userExternalId: 'u-1' }, 200],
  ['GET', '/v1/events', undefined, 200],
];

function send(method: string, path: string, body: unknown, headers: Record<string, string>): Promise<TestResponse> {
  return mir.client.request(method, path, { headers, ...(body === undefined ? {} : { body }) });
}

describe.each(ROUTES)('bearer tokens: %s %s %j', (method, path, body, status) => {
  const request = (headers: Record<string, string>): Promise<TestResponse> => send(method, path, body, headers);

  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer  '])(
    'accepts the API key after the scheme %j',
    async (scheme) => {
      const response = await request({ authorization: `${scheme} ${partner.liveKey}` });
      expect(response.status).toBe(status);
      expect(response.headers.get('ratelimit')).not.toBeNull();
      expect(response.headers.get('www-authenticate')).toBeNull();
    },
  );

  it.each<[string, (key: string) => Record<string, string>]>([
    ['the same key', (key) => ({ 'x-api-key': key, authorization: `Bearer ${key}` })],
    ['different keys', (key) => ({ 'x-api-key': partner.testKey, authorization: `Bearer ${key}` })],
    ['an empty x-api-key', (key) => ({ 'x-api-key': '', authorization: `Bearer ${key}` })],
    ['an empty token', (key) => ({ 'x-api-key': key, authorization: 'Bearer' })],
    ['another scheme', (key) => ({ 'x-api-key': key, authorization: 'Basic YTpi' })],
  ])('returns 400 for both headers, without charging: %s', async (_case, headersOf) => {
    const response = await request(headersOf(partner.liveKey));
    expectProblem(response, 400, 'API_KEY_AMBIGUOUS');
    expect(response.body.detail).toContain('Send the API key once');
    expect(response.headers.get('ratelimit')).toBeNull();
  });

  it.each(['Bearer', 'Bearer ', 'Basic YTpi', 'Token KEY', 'KEY', 'BearerKEY', 'Digest username="a"'])(
    'returns 401 and names the scheme for the malformed header %j',
    async (header) => {
      const response = await request({ authorization: header.replace('KEY', partner.liveKey) });
      expectProblem(response, 401, 'API_KEY_MISSING');
      expect(response.headers.get('www-authenticate')).toBe('Bearer realm="MIR"');
      expect(response.body.detail).toContain('Authorization: Bearer <API key>');
    },
  );

  it.each<[string, () => string]>([
    ['a word', () => 'secret'],
    ['an unknown key', () => newApiKey('live', partner.key.tag).key],
    ['two tokens', () => `${partner.liveKey} ${partner.liveKey}`],
    ['a token list', () => `${partner.liveKey}, ${partner.liveKey}`],
    ['a quoted key', () => `"${partner.liveKey}"`],
    ['the admin token', () => ADMIN_TOKEN],
    ['an oversized token', () => 'x'.repeat(4_000)],
  ])('returns 401 for an invalid token: %s', async (_case, token) => {
    const response = await request({ authorization: `Bearer ${token()}` });
    expectProblem(response, 401, 'API_KEY_INVALID');
    expect(response.headers.get('www-authenticate')).toBe('Bearer realm="MIR", error="invalid_token"');
  });

  it('names the scheme in the 401 for x-api-key, too', async () => {
    const missing = await request({});
    expectProblem(missing, 401, 'API_KEY_MISSING');
    expect(missing.headers.get('www-authenticate')).toBe('Bearer realm="MIR"');
    const invalid = await request({ 'x-api-key': 'secret' });
    expectProblem(invalid, 401, 'API_KEY_INVALID');
    expect(invalid.headers.get('www-authenticate')).toBe('Bearer realm="MIR", error="invalid_token"');
  });
});

describe('bearer tokens', () => {
  it('draw on the same budget as the x-api-key header', async () => {
    const { liveKey } = await mir.partner({ limits: { eventsPerMinute: 1_000, requestsPerMinute: 1_000 } });
    const leftAfter = async (headers: Record<string, string>): Promise<number> => {
      const { headers: received } = await send('POST', '/v1/resolve', { userExternalId: 'u-1' }, headers);
      return Number(/r=(\d+)/.exec(received.get('ratelimit')!)![1]);
    };
    const first = await leftAfter({ 'x-api-key': liveKey });
    const second = await leftAfter({ authorization: `Bearer ${liveKey}` });
    // Up to 17 units come back per second.
    expect(second).toBeLessThan(first);
  });

  it('stream NDJSON', async () => {
    const { status, text } = await rawRequest(mir.url, {
      path: '/v1/agents/tree',
      headers: { authorization: `Bearer ${partner.liveKey}`, accept: 'application/x-ndjson' },
    });
    expect([status, text]).toEqual([200, '']);
  });

  it('never authenticate an operator', async () => {
    for (const token of [ADMIN_TOKEN, partner.liveKey]) {
      const response = await send('GET', '/admin/partners', undefined, { authorization: `Bearer ${token}` });
      expectProblem(response, 401, 'ADMIN_TOKEN_INVALID');
      expect(response.headers.get('www-authenticate')).toBeNull();
    }
    const both = { authorization: 'Basic YTpi', 'x-admin-token': ADMIN_TOKEN };
    expect((await send('GET', '/admin/partners', undefined, both)).status).toBe(200);
  });

  it.each(['/healthz', '/readyz', '/metrics', '/v1/event-types', '/openapi.json', '/docs', '/guide', '/login'])(
    'are ignored where no key is needed: %s',
    async (path) => {
      const { status: without } = await rawRequest(mir.url, { path });
      for (const authorization of ['Basic YTpi', 'Bearer', `Bearer ${partner.liveKey}`]) {
        const headers = { authorization, 'x-api-key': partner.liveKey };
        expect([authorization, (await rawRequest(mir.url, { path, headers })).status]).toEqual([
          authorization,
          without,
        ]);
      }
      expect(without).toBeLessThan(500);
    },
  );
});
