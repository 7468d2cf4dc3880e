type Json = Record<string, unknown>;

interface HeaderDoc {
  name: string;
  description: string;
  example: string;
  required?: boolean;
  pattern?: string;
}

/** Response headers by component name. */
const HEADERS = {
  RequestId: {
    name: 'X-Request-Id',
    description: 'The request ID: your `X-Request-Id` or a generated ID. It appears in logs and audit entries.',
    example: 'b8f6a0a4-6f0e-4f4c-9d3c-2a1b0c9d8e7f',
    required: true,
    pattern: '^[\\w.:-]{1,128}$',
  },
  RateLimit: {
    name: 'RateLimit',
    description: 'Remaining units (`r`) and seconds until the budget is full again (`t`).',
    example: '"events";r=59999;t=1',
    pattern: '^"[a-z]+";r=\\d+;t=\\d+$',
  },
  RateLimitPolicy: {
    name: 'RateLimit-Policy',
    description: 'Quota (`q`) per window of `w` seconds.',
    example: '"events";q=60000;w=60',
    pattern: '^"[a-z]+";q=\\d+;w=60$',
  },
  RetryAfter: {
    name: 'Retry-After',
    description: 'Seconds to wait before retrying.',
    example: '2',
    required: true,
    pattern: '^\\d+$',
  },
  WwwAuthenticate: {
    name: 'WWW-Authenticate',
    description: 'The scheme to authenticate with, and `error="invalid_token"` if the API key was not accepted.',
    example: 'Bearer realm="MIR"',
    required: true,
    pattern: '^Bearer realm="MIR"(, error="invalid_token")?$',
  },
  SignalsSource: {
    name: 'X-Signals-Source',
    description: 'Where the signals were read from: `cache`, or `store` (the database) after a cache miss.',
    example: 'cache',
    required: true,
    pattern: '^(cache|store)$',
  },
  Location: {
    name: 'Location',
    description: 'Path of the new resource.',
    example: '/v1/agents/agt_live_3f2a1b0c9d8e4f7a6b5c4d3e2f1a0b9c',
    required: true,
    pattern: '^/',
  },
  CacheControl: {
    name: 'Cache-Control',
    description: 'How long the response may be cached.',
    example: 'public, max-age=300',
    required: true,
  },
} as const satisfies Record<string, HeaderDoc>;

export type HeaderName = keyof typeof HEADERS;

/** Returns `components.headers` of the OpenAPI document. */
export function headerComponents(): Json {
  const entries = Object.entries(HEADERS as Record<string, HeaderDoc>);
  return Object.fromEntries(
    entries.map(([key, { description, example, required = false, pattern }]) => [
      key,
      { description, required, schema: { type: 'string', ...(pattern ? { pattern } : {}) }, example },
    ]),
  );
}

/** Returns the `headers` object of a response, which contains references to header components. */
export function headerRefs(names: readonly HeaderName[]): Json {
  return Object.fromEntries(names.map((key) => [HEADERS[key].name, { $ref: `#/components/headers/${key}` }]));
}
