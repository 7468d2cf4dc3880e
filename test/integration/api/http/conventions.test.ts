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
    '%s is 404 as a problem',
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
  ])('%s %s is 405 and names the methods there are', async (method, path, allow) => {
    const answer = await mir.client.request(method, path, { key });
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(answer.headers.get('allow')).toBe(allow);
  });

  it.each(['/v1/events/%zz', '/v1/events/%', '/v1/events/%ff%fe', '/events/receipts/%E0%A4%A'])(
    'a path that is not validly percent-encoded is 400: %s',
    async (path) => {
      const { status, headers, text } = await rawRequest(mir.url, { path, headers: { 'x-api-key': key } });
      expect([status, headers['content-type']]).toEqual([400, 'application/problem+json']);
      expect(JSON.parse(text)).toMatchObject({ code: 'INVALID_REQUEST', requestId: headers['x-request-id'] });
    },
  );

  it.each(['/v1/events/', '/v1/resolve/', '/v1/event-types/'])('a trailing slash changes nothing: %s', async (path) => {
    const method = path.includes('resolve') ? 'POST' : 'GET';
    const body = method === 'POST' ? { userExternalId: 'u' } : undefined;
    expect((await mir.client.request(method, path, { key, body })).status).toBe(200);
  });

  it('an encoded id is decoded once: %2F is a character of the id, not a path', async () => {
    expectProblem(await mir.client.get('/v1/events/receipts%2Fx', key), 404, 'NOT_FOUND');
    expectProblem(await mir.client.get('/v1/events/%24ne', key), 404, 'NOT_FOUND');
  });

  it.each(['/v1/events', '/v1/event-types', '/healthz'])(
    'HEAD %s answers the headers of GET without a body',
    async (path) => {
      const get = await rawRequest(mir.url, { path, headers: { 'x-api-key': key } });
      const head = await rawRequest(mir.url, { method: 'HEAD', path, headers: { 'x-api-key': key } });
      expect([head.status, head.text]).toEqual([200, '']);
      expect(head.headers['content-type']).toBe(get.headers['content-type']);
      expect(get.headers['content-length']).toBeDefined();
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    },
  );

  it('HEAD needs a key where GET does', async () => {
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

  it.each(ROUTES)('%s %s %j: a harmless X-Request-Id is taken over', async (method, path, body, status) => {
    const id = 'req-7.Trace:id_0';
    const answer = await mir.client.request(method, path, { key, body, headers: { 'x-request-id': id } });
    expect([answer.status, answer.headers.get('x-request-id')]).toEqual([status, id]);
    if (status >= 400) expectProblem(answer, status, answer.body.code);
  });

  it.each(ROUTES)(
    '%s %s %j: without X-Request-Id one is made, another each time',
    async (method, path, body, status) => {
      const responses = [
        await mir.client.request(method, path, { key, body }),
        await mir.client.request(method, path, { key, body }),
      ];
      expect(responses.map((response) => response.status)).toEqual([status, status]);
      const [one, two] = responses.map(({ headers }) => headers.get('x-request-id'));
      expect(one).toMatch(/^[0-9a-f-]{36}$/);
      expect(two).toMatch(/^[0-9a-f-]{36}$/);
      expect(two).not.toBe(one);
    },
  );

  it.each([
    ['spaces', 'a b'],
    ['markup', '<script>'],
    ['too long', 'x'.repeat(129)],
    ['quotes', '"x"'],
    ['beyond ASCII', 'caf\u00e9'],
  ])('a harmful X-Request-Id is replaced: %s', async (_what, id) => {
    const answer = await mir.client.request('GET', '/v1/events', { key, headers: { 'x-request-id': id } });
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('the request id goes with the job', async () => {
    const { liveKey } = await mir.partner();
    await mir.client.post('/v1/events', liveKey, { events: [anEvent()] }, { 'x-request-id': 'trace-4711' });
    const jobs = await mir.ctx.queues.events.getJobs();
    expect(jobs.filter(({ data }) => data.requestIds.includes('trace-4711'))).toHaveLength(1);
  });

  it('answers may neither be cached nor sniffed, and do not tell what serves them', async () => {
    const { headers } = await mir.client.get('/v1/events', key);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
