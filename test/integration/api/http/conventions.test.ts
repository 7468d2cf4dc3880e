import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import type { Harness } from '../../../support/harness';
import { sharedHarness } from '../../../support/shared-harness';
import { expectProblem } from '../../../support/problems';
import { rawRequest } from '../../../support/raw-request';

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

describe('HTTP conventions', () => {
  it.each(['/v1', '/v2/events', '/v1/v1/events', '/v1/healthz', '/v1/Events', '/EVENTS', '/v1//events', '/.env'])(
    'returns 404 as application/problem+json for %s',
    async (path) => {
      expectProblem(await mir.client.get(path, key), 404, 'NOT_FOUND');
      expectProblem(await mir.client.get(path), 404, 'NOT_FOUND');
    },
  );

  it.each([
    ['DELETE', '/v1/events', 'POST, GET, HEAD'],
    ['PUT', '/events', 'POST, GET, HEAD'],
    ['GET', '/v1/resolve', 'POST'],
    ['POST', '/v1/events/evt_live_x', 'GET, HEAD'],
    ['PATCH', '/v1/events/receipts/rcpt_live_x', 'GET, HEAD'],
    ['POST', '/v1/event-types', 'GET, HEAD'],
    ['OPTIONS', '/v1/resolve', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
  ])('returns 405 for %s %s and lists the allowed methods', async (method, path, allow) => {
    const response = await mir.client.request(method, path, { key });
    expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
    expect(response.headers.get('allow')).toBe(allow);
  });

  it.each(['/v1/events/%zz', '/v1/events/%', '/v1/events/%ff%fe', '/events/receipts/%E0%A4%A'])(
    'returns 400 for invalid percent-encoding in the path: %s',
    async (path) => {
      const { status, headers, text } = await rawRequest(mir.url, { path, headers: { 'x-api-key': key } });
      expect([status, headers['content-type']]).toEqual([400, 'application/problem+json']);
      expect(JSON.parse(text)).toMatchObject({ code: 'INVALID_REQUEST', requestId: headers['x-request-id'] });
    },
  );

  it.each(['/v1/events/', '/v1/resolve/', '/v1/event-types/'])('ignores a trailing slash: %s', async (path) => {
    const method = path.includes('resolve') ? 'POST' : 'GET';
    const body = method === 'POST' ? { userExternalId: 'u' } : undefined;
    expect((await mir.client.request(method, path, { key, body })).status).toBe(200);
  });

  it.each(['receipts%2Fx', '%24ne'])('treats the encoded path segment %s as an event ID', async (segment) => {
    const unknown = await mir.client.get('/v1/events/evt_live_x', key);
    const response = await mir.client.get(`/v1/events/${segment}`, key);
    expectProblem(response, 404, 'NOT_FOUND');
    // The receipt route and unknown paths would return a different `detail`.
    expect(response.body.detail).toBe(unknown.body.detail);
  });

  it.each(['/v1/events', '/v1/event-types', '/healthz'])(
    'returns the headers of a GET response without the body for HEAD %s',
    async (path) => {
      const get = await rawRequest(mir.url, { path, headers: { 'x-api-key': key } });
      const head = await rawRequest(mir.url, { method: 'HEAD', path, headers: { 'x-api-key': key } });
      expect([head.status, head.text]).toEqual([200, '']);
      expect(head.headers['content-type']).toBe(get.headers['content-type']);
      expect(get.headers['content-length']).toBeDefined();
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    },
  );

  it('requires a key for HEAD requests on routes that require one for GET', async () => {
    const head = await rawRequest(mir.url, { method: 'HEAD', path: '/v1/events' });
    expect([head.status, head.headers['content-type'], head.text]).toEqual([401, 'application/problem+json', '']);
  });

  const ROUTES: [string, string, unknown, number][] = [
    ['POST', '/v1/events', anEvent(), 202],
    ['POST', '/v1/events', {}, 422],
    ['GET', '/v1/events', undefined, 200],
    ['GET', '/v1/nowhere', undefined, 404],
    ['DELETE', '/v1/events', undefined, 405],
    ['POST', '/v1/resolve', { userExternalId: 'u' }, 200],
    ['GET', '/healthz', undefined, 200],
    ['GET', '/readyz', undefined, 200],
    ['GET', '/openapi.json', undefined, 200],
  ];

  it.each(ROUTES)('returns a valid X-Request-Id header unchanged: %s %s %j', async (method, path, body, status) => {
    const id = 'req-7.Trace:id_0';
    const response = await mir.client.request(method, path, { key, body, headers: { 'x-request-id': id } });
    expect([response.status, response.headers.get('x-request-id')]).toEqual([status, id]);
    if (status >= 400) expectProblem(response, status, response.body.code);
  });

  it.each(ROUTES)(
    'generates a new request ID for each request without an X-Request-Id header: %s %s %j',
    async (method, path, body, status) => {
      const responses = [
        await mir.client.request(method, path, { key, body }),
        await mir.client.request(method, path, { key, body }),
      ];
      expect(responses.map((response) => response.status)).toEqual([status, status]);
      const [first, second] = responses.map(({ headers }) => headers.get('x-request-id'));
      expect(first).toMatch(/^[0-9a-f-]{36}$/);
      expect(second).toMatch(/^[0-9a-f-]{36}$/);
      expect(second).not.toBe(first);
    },
  );

  it.each([
    ['spaces', 'a b'],
    ['markup', '<script>'],
    ['more than 128 characters', 'x'.repeat(129)],
    ['quotes', '"x"'],
    ['non-ASCII characters', 'caf\u00e9'],
  ])('replaces an X-Request-Id header that contains %s', async (_content, id) => {
    const response = await mir.client.request('GET', '/v1/events', { key, headers: { 'x-request-id': id } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('stores the request ID in the queued job', async () => {
    const { liveKey } = await mir.partner();
    await mir.client.post('/v1/events', liveKey, { events: [anEvent()] }, { 'x-request-id': 'trace-4711' });
    const jobs = await mir.ctx.queues.events.getJobs();
    expect(jobs.filter(({ data }) => data.requestIds.includes('trace-4711'))).toHaveLength(1);
  });

  it('forbids caching and MIME sniffing, and does not reveal the server software', async () => {
    const { headers } = await mir.client.get('/v1/events', key);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
