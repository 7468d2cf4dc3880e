import { Agent, request } from 'node:http';
import type { ApiClient } from '../support/client';

interface Response {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- read as clients do, without our types
  body: any;
}

/** The code of a response that never arrived. Whether the request had an effect is unknown. */
export const CONNECTION_LOST = 'CONNECTION_LOST';

/**
 * Sends JSON requests. Like `ApiClient`, but without headers in the response, and with much less CPU time than `fetch`.
 * If the connection is lost, the response has the status 503 and the code `CONNECTION_LOST`.
 */
export interface HttpClient {
  request(method: string, path: string, options: Parameters<ApiClient['request']>[2]): Promise<Response>;
  close(): void;
}

export function createHttpClient(url: string): HttpClient {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true });
  return {
    request: (method, path, { key, body, headers = {} } = {}) =>
      new Promise((resolve) => {
        const onLost = (): void => resolve({ status: 503, body: { code: CONNECTION_LOST } });
        const text = body === undefined ? '' : JSON.stringify(body);
        const sent = {
          ...(key === undefined ? {} : { 'x-api-key': key }),
          ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
          ...headers,
        };
        const req = request({ agent, hostname, port, method, path, headers: sent }, (res) => {
          const chunks: Buffer[] = [];
          res.on('data', (chunk: Buffer) => chunks.push(chunk));
          res.on('error', onLost);
          res.on('end', () => {
            const received = Buffer.concat(chunks).toString();
            resolve({ status: res.statusCode!, body: received === '' ? null : (JSON.parse(received) as unknown) });
          });
        });
        req.on('error', onLost);
        req.end(text);
      }),
    close: () => agent.destroy(),
  };
}
