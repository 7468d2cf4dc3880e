import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anEvent } from '../../../support/builders';
import { ADMIN_TOKEN, type Harness } from '../../../support/harness';
import { type RawResponse, rawRequest } from '../../../support/raw-request';
import { sharedHarness } from '../../../support/shared-harness';

let mir: Harness;
let key: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  key = (await mir.partner()).liveKey;
});
afterAll(() => mir.close());

function send(method: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<RawResponse> {
  return rawRequest(mir.url, {
    method,
    path,
    headers: { 'x-api-key': key, 'x-admin-token': ADMIN_TOKEN, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

describe('JSON responses', () => {
  it.each<[string, string, unknown, number]>([
    ['POST', '/v1/events', anEvent(), 202],
    ['POST', '/v1/events', { events: [anEvent(), {}] }, 202],
    ['POST', '/v1/events', {}, 422],
    ['POST', '/v1/events', '{', 400],
    ['POST', '/v1/resolve', { userExternalId: 'ünïcödé-😀' }, 200],
    ['POST', '/v1/resolve', { userExternalIds: ['a', 'b'] }, 200],
    ['GET', '/v1/events', undefined, 200],
    ['GET', '/v1/nowhere', undefined, 404],
    ['DELETE', '/v1/events', undefined, 405],
    ['GET', '/v1/events/%zz', undefined, 400],
    ['GET', '/admin/partners', undefined, 200],
    ['GET', '/healthz', undefined, 200],
    ['GET', '/readyz', undefined, 200],
    ['GET', '/openapi.json', undefined, 200],
  ])('end with one newline that the content length includes: %s %s %j', async (method, path, body, status) => {
    const response = await send(method, path, body);
    expect(response.status).toBe(status);
    expect(response.headers['content-type']).toMatch(/^application\/(problem\+)?json/);
    expect(response.text).toMatch(/^\{.*\}\n$/);
    expect(response.headers['content-length']).toBe(String(Buffer.byteLength(response.text)));
    expect(() => void JSON.parse(response.text)).not.toThrow();
  });

  it('have the same content length for HEAD requests', async () => {
    const [get, head] = [
      await send('GET', '/v1/event-types', undefined),
      await send('HEAD', '/v1/event-types', undefined),
    ];
    expect(head.text).toBe('');
    expect(head.headers['content-length']).toBe(get.headers['content-length']);
  });
});

describe('NDJSON responses', () => {
  it('contain no empty line', async () => {
    const agent = { name: 'Any', type: 'SERVICE_ACCOUNT', preset: 'STANDARD', allowedEventTypes: ['mir.content.*'] };
    for (let n = 0; n < 2; n += 1) expect((await send('POST', '/v1/agents', agent)).status).toBe(201);
    const { text } = await send('GET', '/v1/agents/tree', undefined, { accept: 'application/x-ndjson' });
    const lines = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(['Any', 'Any']);
  });
});
