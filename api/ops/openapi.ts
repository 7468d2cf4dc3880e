import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../shared/platform/errors';
import type { RouteDoc } from '../http/route';

type Json = Record<string, unknown>;

const ALWAYS: readonly ProblemCode[] = ['INVALID_REQUEST', 'INTERNAL'];
const WITH_KEY: readonly ProblemCode[] = [
  'API_KEY_MISSING',
  'API_KEY_INVALID',
  'SCOPE_MISSING',
  'PARTNER_SUSPENDED',
  'RATE_LIMITED',
  'OVERLOADED',
  'STORE_UNAVAILABLE',
];
const WITH_ADMIN: readonly ProblemCode[] = ['ADMIN_TOKEN_INVALID', 'NOT_FOUND', 'RATE_LIMITED'];
const WITH_BODY: readonly ProblemCode[] = [
  'INVALID_JSON',
  'INVALID_ENCODING',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_FAILED',
];

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
  requestId: z.string(),
  errors: z.array(z.object({ path: z.string(), code: z.string(), message: z.string() })).optional(),
});

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
  }) as Json;
  return rest;
}

function securityOf({ auth }: RouteDoc): Json[] {
  if (auth.kind === 'public') return [];
  return auth.kind === 'key' ? [{ apiKey: [] }] : [{ adminToken: [] }];
}

function parametersOf({ path, query, params }: RouteDoc): Json[] {
  const of = (schema: z.ZodType | undefined, where: 'query' | 'path'): Json[] => {
    if (!schema) return [];
    const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
      properties?: Record<string, Json>;
      required?: string[];
    };
    return Object.entries(properties).map(([name, { description, ...property }]) => ({
      name,
      in: where,
      required: where === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: property,
    }));
  };
  const missing = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  const given = of(params, 'path');
  const named = new Set(given.map(({ name }) => name));
  const plain = missing.filter((name) => !named.has(name));
  return [
    ...given,
    ...plain.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    ...of(query, 'query'),
  ];
}

/** Every code a route can answer with, by status. */
function problemsOf(doc: RouteDoc): Map<number, ProblemCode[]> {
  const codes = new Set<ProblemCode>([
    ...ALWAYS,
    ...doc.problems,
    ...(doc.auth.kind === 'key' ? WITH_KEY : []),
    ...(doc.auth.kind === 'admin' ? WITH_ADMIN : []),
    ...(doc.body ? WITH_BODY : []),
    ...(doc.query || doc.params ? (['VALIDATION_FAILED'] as const) : []),
  ]);
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const [status] = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

const header = (name: string): Json => ({ $ref: `#/components/headers/${name}` });

function responsesOf(doc: RouteDoc): Json {
  const limits =
    doc.auth.kind === 'key' ? { RateLimit: header('RateLimit'), 'RateLimit-Policy': header('RateLimitPolicy') } : {};
  const headers = { 'X-Request-Id': header('RequestId'), ...limits };
  const answers = Object.entries(doc.answers).map(([status, { description, schema, otherMedia }]) => {
    const bodies = Object.entries({ ...(schema ? { 'application/json': schema } : {}), ...otherMedia });
    const content = bodies.map(([media, body]) => [media, { schema: jsonSchema(body, 'output') }]);
    return [
      status,
      { description, headers, ...(content.length > 0 ? { content: Object.fromEntries(content) as Json } : {}) },
    ];
  });
  const problems = [...problemsOf(doc)].map(([status, codes]) => [
    String(status),
    {
      description: codes.map((code) => `\`${code}\` ${PROBLEMS[code][1]}`).join('; '),
      headers: {
        'X-Request-Id': header('RequestId'),
        ...(status === 429 || status === 503 ? { 'Retry-After': header('RetryAfter') } : {}),
      },
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]);
  return Object.fromEntries([...answers, ...problems]) as Json;
}

/** `GET /events/:eventId` → `getEventsByEventId`. */
function operationIdOf({ method, path }: RouteDoc): string {
  const words = path.split(/[/-]/).filter(Boolean);
  const parts = words.map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word)));
  return method.toLowerCase() + parts.join('');
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function operationOf(doc: RouteDoc): Json {
  const media = { schema: doc.body ? jsonSchema(doc.body, 'input') : {} };
  const scope = doc.auth.kind === 'key' ? `\n\nScope: \`${doc.auth.scope}\`.` : '';
  return {
    operationId: doc.operationId ?? operationIdOf(doc),
    summary: doc.summary,
    description: `${doc.description ?? doc.summary}.${scope}`.replace('..', '.'),
    tags: [doc.tag],
    security: securityOf(doc),
    parameters: [...parametersOf(doc), ...(doc.headers ?? [])],
    ...(doc.body
      ? {
          requestBody: {
            required: !doc.bodyOptional,
            content: Object.fromEntries((doc.media ?? ['application/json']).map((type) => [type, media])),
          },
        }
      : {}),
    responses: responsesOf(doc),
  };
}

/** The OpenAPI 3.1 document, made at start from the very schemas that validate. */
export function buildOpenApi(docs: readonly RouteDoc[], publicUrl: string): Json {
  const paths: Record<string, Json> = {};
  for (const doc of docs) {
    const path = doc.path.replaceAll(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[doc.method.toLowerCase()] = operationOf(doc);
  }
  const text = (description: string): Json => ({ description, schema: { type: 'string' } });
  return {
    openapi: '3.1.0',
    info: {
      title: 'MIR',
      version: '1.0.0',
      description:
        'Participation history as neutral facts: never scores, never advice. Partner routes are served bare and under `/v1`.',
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      schemas: { Problem: jsonSchema(problemSchema, 'output') },
      headers: {
        RequestId: text('Your `X-Request-Id`, or a new one.'),
        RateLimit: text('What is left: `"events";r=50;t=30`.'),
        RateLimitPolicy: text('The quota: `"events";q=100;w=60`.'),
        RetryAfter: text('Seconds to wait before the next try.'),
      },
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        adminToken: { type: 'apiKey', in: 'header', name: 'x-admin-token' },
      },
    },
  };
}
