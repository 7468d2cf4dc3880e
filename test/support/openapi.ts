import type { ApiClient } from './client';

type Json = Record<string, unknown>;

export interface Media {
  schema: { $ref?: string; anyOf?: { $ref: string }[] };
  examples?: Record<string, { value: unknown }>;
}

export interface Operation {
  operationId: string;
  security: Record<string, unknown>[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { headers: Record<string, { $ref: string }>; content?: Record<string, Media> }>;
}

export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, { post: Operation }>;
  components: {
    schemas: Record<string, { examples?: unknown[] } & Json>;
    headers: Record<string, { schema: object; example: string }>;
  };
}

/** An API's OpenAPI document, both as served (`raw`) and with references to responses and examples resolved. */
export interface ReadDocument {
  text: string;
  raw: OpenApiDocument;
  document: OpenApiDocument;
}

/** Returns the value at a JSON pointer. */
export function valueAt(document: object, reference: string): unknown {
  const names = reference.replace('#/', '').split('/');
  return names.reduce<unknown>((at, name) => (at as Json | undefined)?.[name], document);
}

function resolveReferences(value: unknown, document: object): unknown {
  if (Array.isArray(value)) return value.map((item) => resolveReferences(item, document));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as { $ref?: string };
  if (typeof $ref === 'string' && /^#\/components\/(responses|examples)\//.test($ref)) {
    return resolveReferences(valueAt(document, $ref), document);
  }
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolveReferences(item, document)]));
}

/** Reads `/openapi.json`. References to schemas, headers and parameters are not resolved in either form. */
export async function readOpenApi(client: Pick<ApiClient, 'get'>): Promise<ReadDocument> {
  const raw = (await client.get('/openapi.json')).body as OpenApiDocument;
  return { text: JSON.stringify(raw), raw, document: resolveReferences(raw, raw) as OpenApiDocument };
}

/** Returns a body's own examples, or the examples of the schemas that it refers to. */
export function examplesOf({ schema, examples }: Media, { components }: OpenApiDocument): [string, unknown][] {
  if (examples) return Object.entries(examples).map(([name, { value }]) => [name, value]);
  const references = (schema.$ref ? [schema] : (schema.anyOf ?? [])).map(({ $ref }) => $ref!);
  return references.flatMap((reference) => {
    const own = components.schemas[reference.replace('#/components/schemas/', '')]?.examples ?? [];
    return own.map((value): [string, unknown] => [reference, value]);
  });
}
