import { FIELD_EXAMPLES } from './field-examples';

/** A JSON object, for example a JSON Schema as zod generates it. */
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
 * Returns an example value of a schema: its own example, the usual value of a field with that name, or a generated one.
 * `follow` resolves references. A test validates every example in the document.
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
  const fieldExample = FIELD_EXAMPLES[field];
  if (fieldExample !== undefined && !(allowed && !allowed.includes(fieldExample))) return fieldExample;
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
