export interface TestResponse {
  status: number;
  headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read bodies as clients do, without our types
  body: any;
}

/**
 * An HTTP client like those that partners use. It sends and parses JSON, and returns error responses instead of
 * throwing.
 */
export interface ApiClient {
  request(
    method: string,
    path: string,
    options?: { key?: string; body?: unknown; headers?: Record<string, string> },
  ): Promise<TestResponse>;
  get(path: string, key?: string): Promise<TestResponse>;
  post(path: string, key: string | undefined, body: unknown, headers?: Record<string, string>): Promise<TestResponse>;
}

/** Parses JSON, or the lines of NDJSON. */
function bodyOf(text: string, mediaType: string | null): unknown {
  if (text === '') return null;
  if (mediaType !== 'application/x-ndjson') return JSON.parse(text);
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as unknown);
}

export function createClient(url: string): ApiClient {
  const client: ApiClient = {
    async request(method, path, { key, body, headers = {} } = {}) {
      const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof ReadableStream;
      const res = await fetch(url + path, {
        method,
        headers: {
          ...(key === undefined ? {} : { 'x-api-key': key }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: raw ? (body as string) : JSON.stringify(body) }),
      });
      const text = await res.text();
      return { status: res.status, headers: res.headers, body: bodyOf(text, res.headers.get('content-type')) };
    },
    get: (path, key) => client.request('GET', path, key === undefined ? {} : { key }),
    post: (path, key, body, headers = {}) =>
      client.request('POST', path, { body, headers, ...(key === undefined ? {} : { key }) }),
  };
  return client;
}
