import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'node:http';
import express, { type RequestHandler } from 'express';
import { withMessageClasses } from '../../../../api/http/message-classes';
import { listen } from '../../../../shared/process/listen';

let server: Server | null = null;
afterEach(() => {
  server?.close();
  server = null;
});

/** Serves an app with one route, and returns the prototypes that its first request has before Express sees it. */
async function prototypesOf(app: express.Express): Promise<{ request: unknown; response: unknown; text: string }> {
  const answer: RequestHandler = (req, res) => void res.set('X-Host', req.hostname).send(req.query['q']);
  app.get('/route', answer);
  const opened = await listen(app, 0, 'PORT', '127.0.0.1');
  server = opened.server;
  let seen: { request: unknown; response: unknown } | null = null;
  server.prependListener('request', (req, res) => {
    seen = { request: Object.getPrototypeOf(req), response: Object.getPrototypeOf(res) };
  });
  const response = await fetch(`http://127.0.0.1:${opened.port}/route?q=hello`);
  expect(response.headers.get('x-host')).toBe('127.0.0.1');
  return { ...seen!, text: await response.text() };
}

describe('requests and responses', () => {
  it('are created with the prototypes that Express would set', async () => {
    const app = withMessageClasses(express());
    const { request, response, text } = await prototypesOf(app);
    expect(text).toBe('hello');
    expect(request).toBe(app.request);
    expect(response).toBe(app.response);
  });

  it('get their prototypes from Express in an app without classes', async () => {
    const app = express();
    const { request, response, text } = await prototypesOf(app);
    expect(text).toBe('hello');
    expect(request).not.toBe(app.request);
    expect(response).not.toBe(app.response);
  });
});
