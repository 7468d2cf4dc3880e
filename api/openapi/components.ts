import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { allowPatternSchema } from '../agents/input-schemas';
import { METADATA_VALUE_SCHEMA } from '../../shared/domain/metadata';
import { eventTypeSchema } from '../../shared/domain/event';
import { exampleOf, type Json } from './example-of';

type Kind = 'schemas' | 'responses' | 'parameters' | 'examples';

/** What the document is made for. */
export interface DocumentFacts {
  publicUrl: string;
  /** Event types of the catalog that is in force. */
  eventTypes: readonly string[];
}

/** The components of a document, collected while its operations are built: what nothing refers to is not in it. */
export interface Components {
  publicUrl: string;
  /** Returns a zod schema as JSON Schema, as it is read (`input`) or returned (`output`), with references to named ones. */
  schemaOf: (schema: z.ZodType, io: 'input' | 'output') => Json;
  /** Adds a component and returns a reference to it. Throws when the name is taken by another one. */
  refTo: (kind: Kind, name: string, component: Json) => Json;
  /** Returns a value that is valid against a schema of this document. */
  exampleOf: (schema: Json) => unknown;
  toJson: () => Json;
}

const REFERENCE = '#/components/';

/** All that an allowlist may contain: everything, everything of MIR, each category, each type. */
function allowPatternsOf(eventTypes: readonly string[]): string[] {
  const categories = eventTypes.map((eventType) => eventType.replace(/[^.]+$/, '*'));
  return ['*', 'mir.*', ...new Set(categories), ...eventTypes];
}

function byName(components: Map<string, Json>): Json {
  return Object.fromEntries([...components].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Returns an empty collection. */
export function createComponents({ publicUrl, eventTypes }: DocumentFacts): Components {
  const components: Record<Kind, Map<string, Json>> = {
    schemas: new Map([['MetadataValue', METADATA_VALUE_SCHEMA]]),
    responses: new Map(),
    parameters: new Map(),
    examples: new Map(),
  };

  const refTo: Components['refTo'] = (kind, name, component) => {
    const taken = components[kind].get(name);
    if (taken && !isDeepStrictEqual(taken, component)) throw new Error(`two ${kind} of the document are named ${name}`);
    components[kind].set(name, component);
    return { $ref: `${REFERENCE}${kind}/${name}` };
  };

  const convert: Components['schemaOf'] = (schema, io) => {
    const json = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'any',
      target: 'draft-2020-12',
      override: ({ zodSchema, jsonSchema }) => {
        // What may be submitted is what the catalog has: the pattern alone would promise more.
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
  // Hundreds of responses have the schema of a problem; converting takes most of the time of building the document.
  const converted = { input: new Map<z.ZodType, Json>(), output: new Map<z.ZodType, Json>() };
  const schemaOf: Components['schemaOf'] = (schema, io) => {
    const known = converted[io].get(schema) ?? convert(schema, io);
    converted[io].set(schema, known);
    return known;
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
      schemas: byName(new Map([...components.schemas].map(([name, schema]) => [name, withExample(schema)]))),
      responses: byName(components.responses),
      parameters: byName(components.parameters),
      examples: byName(components.examples),
    }),
  };
}
