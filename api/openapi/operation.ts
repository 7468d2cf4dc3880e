import { NDJSON } from '../http/ndjson';
import { IDS_PER_UNIT, ROWS_PER_UNIT } from '../http/price';
import { type HeaderName, headerRefs } from '../http/response-headers';
import type { Documented, RouteDoc } from '../http/route';
import type { Components } from './components';
import type { Json } from './example-of';
import { parametersOf } from './parameters';
import { problemResponses } from './problem-responses';

function securityOf({ auth }: RouteDoc): Json[] {
  const schemes: Record<RouteDoc['auth']['kind'], Json[]> = {
    public: [],
    key: [{ apiKey: [] }, { bearer: [] }],
    staff: [{ session: [] }],
    admin: [{ adminToken: [] }],
  };
  return schemes[auth.kind];
}

/**
 * Returns the given examples or, if `fields` is set, a generated example with those fields overridden. Otherwise,
 * returns no examples, because named schemas have their own.
 */
function examplesOf(schema: Json, { exampleOf }: Components, given: Json | undefined, fields?: Json): Json {
  const values = given ?? (fields && { example: { ...(exampleOf(schema) as Json), ...fields } });
  if (!values) return {};
  return { examples: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { value }])) };
}

/** Describes an NDJSON response, which OpenAPI 3.1 represents as a string with a schema for each line. */
function linesOf(item: Json, { exampleOf }: Components): Json {
  return {
    schema: { type: 'string', contentMediaType: NDJSON, contentSchema: item, description: 'One JSON value per line.' },
    examples: { example: { value: `${JSON.stringify(exampleOf(item))}\n` } },
  };
}

/**
 * Describes NDJSON request bodies in prose, because OpenAPI 3.1 cannot express their schema and client generators
 * reject the media type.
 */
const linesNote = (example: string): string =>
  `Also accepts NDJSON with \`Content-Type: ${NDJSON}\`:\n\n\`\`\`\n${example}\`\`\``;

function bodyOf({ body, bodyOptional, bodyExamples, lines, acceptsForm }: RouteDoc, components: Components): Json {
  if (!body) return {};
  const schema = components.schemaOf(body, 'input');
  const json = { schema, ...examplesOf(schema, components, bodyExamples) };
  return {
    requestBody: {
      ...(lines ? { description: linesNote(lines.example) } : {}),
      required: !bodyOptional,
      content: { 'application/json': json, ...(acceptsForm ? { 'application/x-www-form-urlencoded': json } : {}) },
    },
  };
}

function responseOf(
  { auth }: RouteDoc,
  { description, schema, otherMedia, headers = [], examples, exampleFields }: Documented,
  components: Components,
): Json {
  const names: HeaderName[] = [
    'RequestId',
    ...(auth.kind === 'key' ? (['RateLimit', 'RateLimitPolicy'] as const) : []),
    ...headers,
  ];
  const content: Json = {};
  if (schema) {
    const json = components.schemaOf(schema, 'output');
    content['application/json'] = { schema: json, ...examplesOf(json, components, examples, exampleFields) };
  }
  for (const [media, item] of Object.entries(otherMedia ?? {})) {
    content[media] = linesOf(components.schemaOf(item, 'output'), components);
  }
  return { description, headers: headerRefs(names), ...(Object.keys(content).length > 0 ? { content } : {}) };
}

/** Describes what a request costs if it can cost more than one unit. */
function costOf({ auth }: RouteDoc): string {
  if (auth.kind !== 'key' || !('price' in auth) || !auth.price) return '';
  const { ids, rows, asRead } = auth.price;
  if (ids) return ` Costs one unit per ${IDS_PER_UNIT} users.`;
  if (!rows) return ` Costs one unit per ${ROWS_PER_UNIT} rows that MIR reads.`;
  const further = asRead ? `, and one per ${ROWS_PER_UNIT} further rows that MIR reads` : '';
  return ` Costs one unit per ${ROWS_PER_UNIT} rows that \`limit\` allows${further}.`;
}

/** Returns a route as an OpenAPI operation. Adds the components that the operation references. */
export function operationOf(doc: RouteDoc, components: Components): Json {
  const scope = doc.auth.kind === 'key' ? `\n\nRequires the \`${doc.auth.scope}\` scope.` : '';
  const responses = Object.entries(doc.answers).map(([status, answer]) => [
    status,
    responseOf(doc, answer, components),
  ]);
  return {
    operationId: doc.operationId,
    summary: doc.summary,
    description: `${doc.description ?? doc.summary}.`.replace('..', '.') + costOf(doc) + scope,
    tags: [doc.tag],
    ...(doc.deprecated ? { deprecated: true } : {}),
    security: securityOf(doc),
    parameters: parametersOf(doc, components),
    ...bodyOf(doc, components),
    responses: { ...(Object.fromEntries(responses) as Json), ...problemResponses(doc, components) },
  };
}
