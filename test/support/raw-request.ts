import { type IncomingHttpHeaders, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** A request as no well-mannered client sends it: path unchanged, repeated headers, a stream as chunked body. */
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
    /** The address of this machine that the request comes from. */
    localAddress?: string;
  },
): Promise<RawAnswer> {
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
 * Posts JSON bodies in one write on one connection, so that the server meets them all in the same turn of its loop.
 * Answers in order.
 */
export async function pipelinedPosts(
  url: string,
  path: string,
  key: string,
  bodies: unknown[],
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read answers as their users do: without our types
): Promise<{ status: number; body: any }[]> {
  const requests = bodies.map((body, n) => {
    const json = JSON.stringify(body);
    const last = n === bodies.length - 1 ? 'Connection: close\r\n' : '';
    const head = `POST ${path} HTTP/1.1\r\nHost: test\r\nX-Api-Key: ${key}\r\nContent-Type: application/json\r\n${last}`;
    return `${head}Content-Length: ${Buffer.byteLength(json)}\r\n\r\n${json}`;
  });
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(requests.join(''));
  const answers = await text(socket);
  return answers
    .split(/HTTP\/1\.1 (?=\d{3} )/)
    .slice(1)
    .map((answer) => {
      const body = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as unknown;
      return { status: Number(answer.slice(0, 3)), body };
    });
}
