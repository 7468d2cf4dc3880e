import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface RawResponse {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/**
 * Sends a request that `fetch` cannot send, such as one with an unnormalized path, repeated headers or a chunked body.
 */
export async function rawRequest(
  url: string,
  {
    method = 'GET',
    path,
    headers = {},
    body,
    localAddress,
  }: {
    method?: string;
    path: string;
    headers?: Record<string, string | string[]>;
    body?: string | Buffer | Readable;
    /** The local address from which to send the request. */
    localAddress?: string;
  },
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, path, headers, agent: false, ...(localAddress && { localAddress }) }, (res) => {
      text(res).then((all) => resolve({ status: res.statusCode!, headers: res.headers, text: all }), reject);
    });
    req.on('error', reject);
    if (body instanceof Readable) body.pipe(req);
    else req.end(body);
  });
}

/**
 * Sends bytes on one connection and returns the responses in order, once the server has closed the connection. For
 * requests that no HTTP client would send.
 */
export async function sendBytes(url: string, bytes: string | Buffer): Promise<{ status: number; text: string }[]> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  // The server may close the connection while the bytes are still being sent.
  socket.on('error', () => undefined);
  socket.write(bytes);
  const responses = await text(socket).catch(() => '');
  return responses
    .split(/HTTP\/1\.1 (?=\d{3} )/)
    .slice(1)
    .map((response) => ({ status: Number(response.slice(0, 3)), text: response }));
}

/**
 * Posts JSON bodies in one write on one connection, so that the server reads all of them in the same event-loop turn.
 * Returns the responses in order.
 */
export async function pipelinedPosts(
  url: string,
  path: string,
  key: string,
  bodies: unknown[],
): Promise<{ status: number; body: Record<string, unknown> }[]> {
  const requests = bodies.map((body, n) => {
    const json = JSON.stringify(body);
    const last = n === bodies.length - 1 ? 'Connection: close\r\n' : '';
    const head = `POST ${path} HTTP/1.1\r\nHost: test\r\nX-Api-Key: ${key}\r\nContent-Type: application/json\r\n${last}`;
    return `${head}Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
  });
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(requests.join(''));
  const responses = await text(socket);
  return responses
    .split(/HTTP\/1\.1 (?=\d{3} )/)
    .slice(1)
    .map((response) => {
      const body = JSON.parse(response.slice(response.indexOf('\r\n\r\n'))) as Record<string, unknown>;
      return { status: Number(response.slice(0, 3)), body };
    });
}
