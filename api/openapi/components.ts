import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { OperatorConfig } from '../../shared/config/operator';
import { allowPatternSchema } from '../agents/input-schemas';
import { METADATA_VALUE_SCHEMA } from '../../shared/domain/metadata';
import { eventTypeSchema } from '../../shared/domain/event';
import { exampleOf, type Json } from './example-of';

type Kind = 'schemas' | 'responses' | 'parameters' | 'examples';

/** The deployment that a document describes. */
export interface DocumentFacts {
  publicUrl: string;
  operator: OperatorConfig;
  /** Event types of the catalog in use. */
  eventTypes: readonly string[];
}

/**
 * The components of a document. Operations add components as they are built, so the document does not contain unused
 * components.
 */
export interface Components {
  publicUrl: string;
  /**
   * Converts a zod schema to JSON Schema for requests (`input`) or responses (`output`). Replaces named schemas with
   * references.
   */
  schemaOf: (schema: z.ZodType, io: 'input' | 'output') => Json;
  /** Adds a component and returns a reference to it. Throws if a different component already has the same name. */
  refTo: (kind: Kind, name: string, component: Json) => Json;
  /** Returns an example value of a schema in this document. */
  exampleOf: (schema: Json) => unknown;
  toJson: () => Json;
}

const REFERENCE = '#/components/';

/** Returns every pattern that an allowlist can contain: `*`, `mir.*`, one pattern per category, and each event type. */
function allowPatternsOf(eventTypes: readonly string[]): string[] {
  const categories = eventTypes.map((eventType) => eventType.replace(/[^.]+$/, '*'));
  return ['*', 'mir.*', ...new Set(categories), ...eventTypes];
}

/**
 * Adds names for the values of an enum, from which client generators derive constants: `EVENTS_WRITE` for
 * `events:write`, `TIER_1` for 1. Without these names, `*` or a number becomes `VALUE_0`.
 */
function withEnumNames(name: string, schema: Json): Json {
  const { enum: values } = schema;
  if (!Array.isArray(values) || values.every((value) => typeof value === 'string' && /^\w+$/.test(value)))
    return schema;
  const names = values.map((value) =>
    typeof value === 'number' ? `${name}_${value}` : String(value).replace('*', 'all').replaceAll(/\W+/g, '_'),
  );
  return { ...schema, 'x-enum-varnames': names.map((valueName) => valueName.toUpperCase()) };
}

function sortedByName(components: Map<string, Json>): Json {
  return Object.fromEntries([...components].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export function createComponents({ publicUrl, eventTypes }: DocumentFacts): Components {
  const components: Record<Kind, Map<string, Json>> = {
    schemas: new Map([['MetadataValue', METADATA_VALUE_SCHEMA]]),
    responses: new Map(),
    parameters: new Map(),
    examples: new Map(),
  };

  const refTo: Components['refTo'] = (kind, name, component) => {
    const existing = components[kind].get(name);
    if (existing && !isDeepStrictEqual(existing, component)) {
      throw new Error(`two different components share the name ${kind}/${name}`);
    }
    components[kind].set(name, component);
    return { $ref: `${REFERENCE}${kind}/${name}` };
  };

  const convert: Components['schemaOf'] = (schema, io) => {
    const json = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      target: 'draft-2020-12',
      override: ({ zodSchema, jsonSchema }) => {
        // Clients can submit only event types from the catalog. The pattern alone would also match other types.
        if (eventTypes.length === 0 || (zodSchema !== eventTypeSchema && zodSchema !== allowPatternSchema)) return;
        delete jsonSchema.pattern;
        jsonSchema.enum = zodSchema === eventTypeSchema ? [...eventTypes] : allowPatternsOf(eventTypes);
      },
    });
    const {
      $schema: _,
      $defs = {},
      ...own
    } = JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', `"${REFERENCE}schemas/`)) as Json & {
      $defs?: Record<string, Json>;
    };
    for (const [name, definition] of Object.entries($defs)) refTo('schemas', name, definition);
    return own;
  };
  // Cache conversions, because hundreds of responses share the problem schema and converting schemas takes most of the
  // build time.
  const converted = { input: new Map<z.ZodType, Json>(), output: new Map<z.ZodType, Json>() };
  const schemaOf: Components['schemaOf'] = (schema, io) => {
    const json = converted[io].get(schema) ?? convert(schema, io);
    converted[io].set(schema, json);
    return json;
  };

  const example = (schema: Json): unknown =>
    exampleOf(schema, ($ref) => components.schemas.get($ref.replace(`${REFERENCE}schemas/`, ''))!);

  const withExample = (schema: Json): Json =>
    'properties' in schema && !('examples' in schema) ? { ...schema, examples: [example(schema)] } : schema;

  return {
    publicUrl,
    refTo,
    schemaOf,
    exampleOf: example,
    toJson: () => ({
      schemas: sortedByName(
        new Map([...components.schemas].map(([name, schema]) => [name, withEnumNames(name, withExample(schema))])),
      ),
      responses: sortedByName(components.responses),
      parameters: sortedByName(components.parameters),
      examples: sortedByName(components.examples),
    }),
  };
}
