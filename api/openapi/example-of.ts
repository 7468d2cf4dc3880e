import { FIELD_EXAMPLES } from './field-examples';

/** A JSON Schema as zod writes it. */
export type Json = Record<string, unknown>;

interface Schema {
  $ref?: string;
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  type?: string | string[];
  format?: string;
  minimum?: number;
  default?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
}

const isNull = ({ type }: Schema): boolean => type === 'null';

/**
 * Returns a value that is valid against a schema: its own example, or what is usual for a field of that name.
 * `follow` returns the schema that a reference leads to. A test validates every example of the document.
 */
export function exampleOf(schema: Schema, follow: ($ref: string) => Schema, field = ''): unknown {
  const { $ref, examples, enum: allowed, anyOf, oneOf, properties, items } = schema;
  if (examples) return examples[0];
  if ($ref) return exampleOf(follow($ref), follow, field);
  if ('const' in schema) return schema.const;
  if (properties) {
    return Object.fromEntries(
      Object.entries(properties).map(([name, inner]) => [name, exampleOf(inner, follow, name)]),
    );
  }
  const variants = anyOf ?? oneOf;
  if (variants) return exampleOf(variants.find((variant) => !isNull(variant)) ?? variants[0]!, follow, field);
  const usual = FIELD_EXAMPLES[field];
  if (usual !== undefined && !(allowed && !allowed.includes(usual))) return usual;
  if (allowed) return allowed[0];
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'array':
      return items ? [exampleOf(items, follow, field)] : [];
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
