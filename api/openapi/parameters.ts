import type { z } from 'zod';
import { idempotencyKeyHeader } from '../http/idempotency-key';
import type { RouteDoc } from '../http/route';
import type { Components } from './components';
import type { Json } from './example-of';

const REQUEST_ID = {
  name: 'X-Request-Id',
  in: 'header',
  required: false,
  description:
    'Your own request ID, which consists of 1–128 of the characters `A–Z a–z 0–9 _ . : -`. MIR replaces any other value with a generated ID.',
  schema: { type: 'string' },
  example: 'order-4711',
};

/**
 * Returns the fields of a query or path schema as parameters. A field whose schema sets `parameter` becomes a
 * component.
 */
function fieldsOf(schema: z.ZodType | undefined, where: 'query' | 'path', { schemaOf, refTo }: Components): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, parameter, ...property }]) => {
    const described = {
      name,
      in: where,
      required: where === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: property,
    };
    return typeof parameter === 'string' ? refTo('parameters', parameter, described) : described;
  });
}

/** Returns the path, query and header parameters of a route. */
export function parametersOf({ query, params, idempotencyKey }: RouteDoc, components: Components): Json[] {
  const { refTo } = components;
  return [
    ...fieldsOf(params, 'path', components),
    ...fieldsOf(query, 'query', components),
    ...(idempotencyKey ? [refTo('parameters', 'IdempotencyKey', idempotencyKeyHeader)] : []),
    refTo('parameters', 'RequestId', REQUEST_ID),
  ];
}
