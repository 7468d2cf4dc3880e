import { afterAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { type Answer, finish, openExchange } from '../../../../api/http/finish';
import { PublicError } from '../../../../api/http/public-error';
import { NO_OPERATOR } from '../../../../shared/config/operator';
import { createLog } from '../../../../shared/log';
import { listen } from '../../../../shared/process/listen';

const draining = { now: false };
const deps = {
  draining,
  config: { publicUrl: 'https://mir.example', operator: NO_OPERATOR },
  log: createLog('silent', 'test'),
} as Parameters<typeof finish>[0];

const servers: { close(): unknown; closeAllConnections(): void }[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** Starts a server that calls `finish` with this result, sends it a request and returns the response. */
async function send(handler: () => Promise<Answer>, present?: Parameters<typeof finish>[3]): Promise<Response> {
  const app = express();
  app.get('/', (req, res) => {
    const exchange = openExchange(req, res);
    exchange.headers['RateLimit'] = '"requests";r=1;t=1';
    finish(deps, exchange, handler(), present);
  });
  const { server, port } = await listen(app, 0, 'PORT');
  servers.push(server);
  return fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-request-id': 'request-1' } });
}

async function* failingStream(): AsyncGenerator<string> {
  await Promise.resolve();
  throw new PublicError('STORE_UNAVAILABLE', 'Unavailable.', { retryAfterSeconds: 7 });
  // oxlint-disable-next-line no-unreachable
  yield '';
}

const headersOf = ({ headers }: Response, ...names: string[]) => names.map((name) => headers.get(name));
const rejected = (): Promise<Answer> =>
  Promise.reject(new PublicError('RATE_LIMITED', 'Slow down.', { retryAfterSeconds: 3 }));

const RESULTS: [string, () => Promise<Answer>, number][] = [
  ['a JSON object', () => Promise.resolve({ status: 202, body: { a: 1 } }), 202],
  ['text', () => Promise.resolve({ status: 200, text: '<p>', mediaType: 'text/html' }), 200],
  [
    'a stream',
    () =>
      Promise.resolve({
        status: 200,
        mediaType: 'text/plain',
        stream: (async function* () {
          yield 'a';
        })(),
      }),
    200,
  ],
  ['a problem', rejected, 429],
];

describe('finish', () => {
  it.each(RESULTS)("sends %s with the request ID and the exchange's headers", async (_what, handler, status) => {
    const response = await send(handler);
    expect(response.status).toBe(status);
    expect(headersOf(response, 'x-request-id', 'ratelimit', 'cache-control', 'x-content-type-options')).toEqual([
      'request-1',
      '"requests";r=1;t=1',
      'no-store',
      'nosniff',
    ]);
    await response.text();
  });

  it.each(RESULTS)('closes the connection after %s if draining begins during the request', async (_what, handler) => {
    const response = await send(async () => {
      draining.now = true;
      return handler();
    }).finally(() => (draining.now = false));
    expect(response.headers.get('connection')).toBe('close');
    await response.text();
  });

  it('sends a problem as application/problem+json with a type URL that ends with the problem code', async () => {
    const response = await send(rejected);
    expect(headersOf(response, 'content-type', 'retry-after')).toEqual(['application/problem+json', '3']);
    expect(await response.json()).toEqual({
      type: 'https://mir.example/errors/RATE_LIMITED',
      title: 'Too many requests',
      status: 429,
      detail: 'Slow down.',
      code: 'RATE_LIMITED',
      requestId: 'request-1',
    });
  });

  it("lets a response's own headers override the exchange's headers", async () => {
    const response = await send(() =>
      Promise.resolve({ status: 200, body: {}, headers: { RateLimit: 'x', 'Cache-Control': 'public' } }),
    );
    expect(headersOf(response, 'ratelimit', 'cache-control')).toEqual(['x', 'public']);
  });

  it('returns 500 if the body cannot be serialized as JSON', async () => {
    const response = await send(() => Promise.resolve({ status: 200, body: 1n }));
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([500, 'INTERNAL']);
  });

  it('sends a problem if a stream fails before it yields anything', async () => {
    const response = await send(() =>
      Promise.resolve({ status: 200, mediaType: 'text/plain', stream: failingStream() }),
    );
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '7']);
  });

  it('renders a problem with the given presenter', async () => {
    const response = await send(rejected, ({ status, detail, headers }) => ({
      status,
      headers,
      text: `<p>${detail}</p>`,
      mediaType: 'text/html',
    }));
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([
      429,
      '3',
      '<p>Slow down.</p>',
    ]);
  });

  it('aborts the connection if the presenter throws', async () => {
    const sent = send(rejected, () => {
      throw new Error('rendering failed');
    });
    await expect(sent).rejects.toThrow('fetch failed');
  });
});
