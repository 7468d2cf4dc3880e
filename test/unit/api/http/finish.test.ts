import { afterAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { type Answer, finish, openExchange } from '../../../../api/http/finish';
import { PublicError } from '../../../../api/http/public-error';
import { createLog } from '../../../../shared/log';
import { listen } from '../../../../shared/process/listen';

const draining = { now: false };
const deps = {
  draining,
  config: { publicUrl: 'https://mir.example' },
  log: createLog('silent', 'test'),
} as Parameters<typeof finish>[0];

const servers: { close(): unknown; closeAllConnections(): void }[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** Asks a server whose one handler finishes every request like this. */
async function ask(answering: () => Promise<Answer>, present?: Parameters<typeof finish>[3]): Promise<Response> {
  const app = express();
  app.get('/', (req, res) => {
    const exchange = openExchange(req, res);
    exchange.headers['RateLimit'] = '"requests";r=1;t=1';
    finish(deps, exchange, answering(), present);
  });
  const { server, port } = await listen(app, 0, 'PORT');
  servers.push(server);
  return fetch(`http://127.0.0.1:${port}/`, { headers: { 'x-request-id': 'request-1' } });
}

async function* failingStream(): AsyncGenerator<string> {
  await Promise.resolve();
  throw new PublicError('STORE_UNAVAILABLE', 'Away.', { retryAfterSeconds: 7 });
  // oxlint-disable-next-line no-unreachable
  yield '';
}

const headersOf = ({ headers }: Response, ...names: string[]) => names.map((name) => headers.get(name));
const rejected = (): Promise<Answer> =>
  Promise.reject(new PublicError('RATE_LIMITED', 'Slow down.', { retryAfterSeconds: 3 }));

const ENDINGS: [string, () => Promise<Answer>, number][] = [
  ['an object', () => Promise.resolve({ status: 202, body: { a: 1 } }), 202],
  ['a text', () => Promise.resolve({ status: 200, text: '<p>', mediaType: 'text/html' }), 200],
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
  it.each(ENDINGS)('%s carries the request id and the headers of the exchange', async (_what, answering, status) => {
    const answer = await ask(answering);
    expect(answer.status).toBe(status);
    expect(headersOf(answer, 'x-request-id', 'ratelimit', 'cache-control', 'x-content-type-options')).toEqual([
      'request-1',
      '"requests";r=1;t=1',
      'no-store',
      'nosniff',
    ]);
    await answer.text();
  });

  it.each(ENDINGS)('%s ends its connection while the process drains, asked when it ends', async (_what, answering) => {
    const answer = await ask(async () => {
      draining.now = true;
      return answering();
    }).finally(() => (draining.now = false));
    expect(answer.headers.get('connection')).toBe('close');
    await answer.text();
  });

  it('a problem is problem+json whose type leads to its code', async () => {
    const answer = await ask(rejected);
    expect(headersOf(answer, 'content-type', 'retry-after')).toEqual(['application/problem+json', '3']);
    expect(await answer.json()).toEqual({
      type: 'https://mir.example/errors/RATE_LIMITED',
      title: 'Too many requests',
      status: 429,
      detail: 'Slow down.',
      code: 'RATE_LIMITED',
      requestId: 'request-1',
    });
  });

  it('headers of an answer win over those of the exchange', async () => {
    const answer = await ask(() =>
      Promise.resolve({ status: 200, body: {}, headers: { RateLimit: 'x', 'Cache-Control': 'public' } }),
    );
    expect(headersOf(answer, 'ratelimit', 'cache-control')).toEqual(['x', 'public']);
  });

  it('a body that cannot be written as JSON is 500', async () => {
    const answer = await ask(() => Promise.resolve({ status: 200, body: 1n }));
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([500, 'INTERNAL']);
  });

  it('a stream that fails before its first piece is a problem', async () => {
    const answer = await ask(() => Promise.resolve({ status: 200, mediaType: 'text/plain', stream: failingStream() }));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '7']);
  });

  it('a problem is worded by whoever serves people', async () => {
    const answer = await ask(rejected, ({ status, detail, headers }) => ({
      status,
      headers,
      text: `<p>${detail}</p>`,
      mediaType: 'text/html',
    }));
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      429,
      '3',
      '<p>Slow down.</p>',
    ]);
  });

  it('the connection is cut when not even the problem can be worded', async () => {
    const asked = ask(rejected, () => {
      throw new Error('no words');
    });
    await expect(asked).rejects.toThrow('fetch failed');
  });
});
