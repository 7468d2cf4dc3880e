import { Pool } from 'undici';

/** A keep-alive connection pool to one API process. */
export interface HttpClient {
  /** Sends a JSON body and returns the status and the parsed response. */
  post(path: string, key: string, body: string): Promise<{ status: number; body: Record<string, unknown> }>;
  get(path: string, key: string): Promise<{ status: number; body: Record<string, unknown> }>;
  close(): void;
}

/**
 * Creates a client with at most `connections` connections. Needs much less CPU time than `fetch` and `node:http`, which
 * matters on few cores. A request is rejected if its connection is silent for `timeoutMs`; by default, it waits
 * indefinitely.
 */
export function httpClient(port: number, connections: number, timeoutMs = 0): HttpClient {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, headersTimeout: timeoutMs, bodyTimeout: timeoutMs });
  const send = async (method: 'GET' | 'POST', path: string, key: string, text: string | null) => {
    const headers = { 'x-api-key': key, ...(text !== null && { 'content-type': 'application/json' }) };
    const { statusCode, body } = await pool.request({ method, path, headers, body: text });
    const answer = await body.text();
    return { status: statusCode, body: answer === '' ? {} : (JSON.parse(answer) as Record<string, unknown>) };
  };
  return {
    post: (path, key, body) => send('POST', path, key, body),
    get: (path, key) => send('GET', path, key, null),
    close: () => void pool.destroy(),
  };
}
