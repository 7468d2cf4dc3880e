import { FIELD_EXAMPLES } from './field-examples';

/** A JSON Schema as zod writes it. */
export type Json = Record<string, unknown>;

interface Schema {
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  type?: string;
  format?: string;
  minimum?: number;
  default?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
}

const isNull = ({ type }: Schema): boolean => type === 'null';

/**
 * A value that fits a schema: what the schema itself gives as example, else what is usual for a field of that name.
 * A test holds every example of the document against its schema.
 */
export function exampleOf(schema: Schema, field = ''): unknown {
  const { examples, enum: allowed, anyOf, oneOf, properties, items } = schema;
  if (examples) return examples[0];
  if ('const' in schema) return schema.const;
  if (properties) {
    return Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, exampleOf(inner, name)]));
  }
  const variants = anyOf ?? oneOf;
  if (variants) return exampleOf(variants.find((variant) => !isNull(variant)) ?? variants[0]!, field);
  const usual = FIELD_EXAMPLES[field];
  if (usual !== undefined && !(allowed && !allowed.includes(usual))) return usual;
  if (allowed) return allowed[0];
  switch (schema.type) {
    case 'array':
      return items ? [exampleOf(items, field)] : [];
    case 'integer':
    case 'number':
      return schema.default ?? Math.max(1, schema.minimum ?? 1);
    case 'boolean':
      return schema.default ?? false;
    case 'string':
      return schema.format === 'date-time' ? '2026-01-31T09:30:00.000Z' : 'text';
    case 'null':
      return null;
    default:
      return {};
  }
}
