import { z } from 'zod';
import { eventTypeSchema } from '../../shared/domain/event';
import { NDJSON } from '../http/ndjson';
import { allowPatternSchema } from '../agents/input-schemas';
import type { Documented, RouteDoc } from '../http/route';
import { exampleOf, type Json } from './example-of';
import { type HeaderName, headerRefs } from '../http/response-headers';
import { problemResponses } from './problem-responses';

/** What the document is made for. */
export interface DocumentFacts {
  publicUrl: string;
  /** Event types of the catalog that is in force. */
  eventTypes: readonly string[];
}

/** All that an allowlist may hold: everything, everything of MIR, each category, each type. */
function allowPatternsOf(eventTypes: readonly string[]): string[] {
  const categories = eventTypes.map((eventType) => eventType.replace(/[^.]+$/, '*'));
  return ['*', 'mir.*', ...new Set(categories), ...eventTypes];
}

/** A zod schema as JSON Schema 2020-12, as it is read (`input`) or answered (`output`). */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output', eventTypes: readonly string[] = []): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    target: 'draft-2020-12',
    override: ({ zodSchema, jsonSchema: out }) => {
      // What may be submitted is what the catalog has: the pattern alone would promise more.
      if (eventTypes.length === 0 || (zodSchema !== eventTypeSchema && zodSchema !== allowPatternSchema)) return;
      delete out.pattern;
      out.enum = zodSchema === eventTypeSchema ? [...eventTypes] : allowPatternsOf(eventTypes);
    },
  }) as Json;
  return rest;
}

function securityOf({ auth }: RouteDoc): Json[] {
  if (auth.kind === 'public') return [];
  return auth.kind === 'key' ? [{ apiKey: [] }] : [{ adminToken: [] }];
}

function parametersOf({ path, query, params, headers = [] }: RouteDoc): Json[] {
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
    ...headers,
    { $ref: '#/components/parameters/RequestId' },
  ];
}

function examplesOf(schema: Json, given: Record<string, unknown> | undefined, fields?: Json): Json {
  const made = (): unknown => (fields ? { ...(exampleOf(schema) as Json), ...fields } : exampleOf(schema));
  const values = given ?? { example: made() };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }]));
}

/** Lines of JSON: to OpenAPI 3.1 a text, whose lines each have this schema. */
function linesOf(item: Json, given: Record<string, unknown> | undefined): Json {
  const line = JSON.stringify(exampleOf(item));
  return {
    schema: { type: 'string', contentMediaType: NDJSON, contentSchema: item, description: 'One JSON value a line.' },
    examples: examplesOf({}, given ?? { example: `${line}\n` }),
  };
}

function bodyOf({ body, bodyOptional, bodyExamples, lines }: RouteDoc, { eventTypes }: DocumentFacts): Json {
  if (!body) return {};
  const schema = jsonSchema(body, 'input', eventTypes);
  const content: Json = { 'application/json': { schema, examples: examplesOf(schema, bodyExamples) } };
  if (lines) content[NDJSON] = linesOf(jsonSchema(lines.schema, 'input', eventTypes), { example: lines.example });
  return { requestBody: { required: !bodyOptional, content } };
}

function answerOf({ auth }: RouteDoc, { description, schema, otherMedia, headers = [], ...more }: Documented): Json {
  const names: HeaderName[] = [
    'RequestId',
    ...(auth.kind === 'key' ? (['RateLimit', 'RateLimitPolicy'] as const) : []),
    ...headers,
  ];
  const content: Json = {};
  if (schema) {
    const json = jsonSchema(schema, 'output');
    content['application/json'] = { schema: json, examples: examplesOf(json, more.examples, more.exampleFields) };
  }
  for (const [media, item] of Object.entries(otherMedia ?? {})) {
    content[media] = linesOf(jsonSchema(item, 'output'), undefined);
  }
  return { description, headers: headerRefs(names), ...(Object.keys(content).length > 0 ? { content } : {}) };
}

/** `GET /events/:eventId` → `getEventsByEventId`. */
function operationIdOf({ method, path }: RouteDoc): string {
  const words = path.split(/[/-]/).filter(Boolean);
  const parts = words.map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word)));
  return method.toLowerCase() + parts.join('');
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** A route as an OpenAPI operation. */
export function operationOf(doc: RouteDoc, facts: DocumentFacts): Json {
  const scope = doc.auth.kind === 'key' ? `\n\nScope: \`${doc.auth.scope}\`.` : '';
  const answers = Object.entries(doc.answers).map(([status, answer]) => [status, answerOf(doc, answer)]);
  return {
    operationId: doc.operationId ?? operationIdOf(doc),
    summary: doc.summary,
    description: `${doc.description ?? doc.summary}.${scope}`.replace('..', '.'),
    tags: [doc.tag],
    security: securityOf(doc),
    parameters: parametersOf(doc),
    ...bodyOf(doc, facts),
    responses: { ...(Object.fromEntries(answers) as Json), ...problemResponses(doc, facts.publicUrl) },
  };
}
