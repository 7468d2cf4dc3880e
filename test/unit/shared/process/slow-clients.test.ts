import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import { listen } from '../../../../shared/process/listen';

/** Shorter limits than in production, so that the test shows how soon after a limit the server acts. */
const LIMITS_MS = { headers: 500, request: 1_500 };
/** How late the server may be: it checks once a second, and the machine may be busy. */
const MAX_DELAY_MS = 3_000;

const opened: { server: Server; sockets: Socket[] }[] = [];
afterEach(async () => {
  for (const { server, sockets } of opened.splice(0)) {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => void server.close(resolve));
  }
});

const POST = 'POST / HTTP/1.1\r\nHost: mir\r\nContent-Length: 100\r\n';

/** Sends the text and then nothing. Returns the response and the time until the server closed the connection. */
async function send(socket: Socket, head: string): Promise<{ status: string; ms: number }> {
  const started = performance.now();
  if (head !== '') socket.write(head);
  const response = await text(socket);
  return { status: response.slice(0, 'HTTP/1.1 408'.length), ms: performance.now() - started };
}

describe('listen', () => {
  it('gives clients 10 seconds for the headers and 30 seconds for the request', async () => {
    const { server } = await listen((_req, res) => res.end(), 0, 'PORT');
    opened.push({ server, sockets: [] });
    expect([server.headersTimeout, server.requestTimeout]).toEqual([10_000, 30_000]);
  });

  it('disconnects clients that are too slow soon after the limit', async () => {
    const { server, port } = await listen((req, res) => req.resume().on('end', () => res.end()), 0, 'PORT');
    [server.headersTimeout, server.requestTimeout] = [LIMITS_MS.headers, LIMITS_MS.request];
    const sockets = ['', 'POST / HT', POST, `${POST}\r\n{"a":`].map(() => connect(port, '127.0.0.1'));
    opened.push({ server, sockets });
    const [silent, line, headers, body] = await Promise.all(
      ['', 'POST / HT', POST, `${POST}\r\n{"a":`].map((head, n) => send(sockets[n]!, head)),
    );
    for (const { status, ms } of [silent!, line!, headers!]) {
      expect(status).toBe('HTTP/1.1 408');
      expect(ms).toBeGreaterThan(LIMITS_MS.headers);
      expect(ms).toBeLessThan(LIMITS_MS.headers + MAX_DELAY_MS);
    }
    expect(body!.status).toBe('HTTP/1.1 408');
    expect(body!.ms).toBeGreaterThan(LIMITS_MS.request);
    expect(body!.ms).toBeLessThan(LIMITS_MS.request + MAX_DELAY_MS);
  });
});
