import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Harness } from '../../support/harness';
import { type OpenApiDocument, type Operation, readOpenApi } from '../../support/openapi';
import { sharedHarness } from '../../support/shared-harness';

/** Definitions that are repeated instead of shared would exceed it. */
const MAX_BYTES_PER_OPERATION = 5 * 1024;

let mir: Harness;
let raw: OpenApiDocument;
let text: string;
beforeAll(async () => {
  mir = await sharedHarness({ workers: false });
  ({ raw, text } = await readOpenApi(mir.client));
});
afterAll(() => mir.close());

type Json = Record<string, unknown>;

/** Returns the paths at which a schema declares an object inline instead of referring to a named schema. */
function unnamedObjectsIn(value: unknown, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item, n) => unnamedObjectsIn(item, `${at}/${n}`));
  if (typeof value !== 'object' || value === null) return [];
  const { type, properties, examples: _, ...rest } = value as Json;
  const fields = Object.entries((properties ?? {}) as Json).map(([name, field]): [string, unknown] => [
    `properties/${name}`,
    field,
  ]);
  const deeper = [...fields, ...Object.entries(rest)].flatMap(([name, inner]) =>
    unnamedObjectsIn(inner, `${at}/${name}`),
  );
  return type === 'object' && properties ? [at, ...deeper] : deeper;
}

const operations = (): [string, Operation][] =>
  [...Object.entries(raw.paths), ...Object.entries(raw.webhooks)].flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, Operation>).map(([method, operation]): [string, Operation] => [
      `${method} ${path}`,
      operation,
    ]),
  );

describe('OpenAPI components', () => {
  it('keeps the OpenAPI document within its size limit', () => {
    expect(Buffer.byteLength(text) / operations().length).toBeLessThanOrEqual(MAX_BYTES_PER_OPERATION);
  });

  it('defines every object in requests and responses as a named schema', () => {
    const bodies = operations().map(([name, { requestBody, responses }]) =>
      unnamedObjectsIn({ requestBody, responses }, name),
    );
    expect(bodies.length).toBeGreaterThan(45);
    expect(bodies.flat()).toEqual([]);
  });

  it('provides distinct constant names for enum values that are not valid identifiers', () => {
    const { Scope, Tier, EventTypePattern } = raw.components.schemas as Record<string, Json>;
    expect(Scope!['x-enum-varnames']).toContain('EVENTS_WRITE');
    expect(Tier!['x-enum-varnames']).toEqual(['TIER_0', 'TIER_1', 'TIER_2', 'TIER_3']);
    const patterns = EventTypePattern!['x-enum-varnames'] as string[];
    expect(patterns.slice(0, 2)).toEqual(['ALL', 'MIR_ALL']);
    expect(new Set(patterns).size).toBe((EventTypePattern!['enum'] as string[]).length);
  });

  it('defines nested objects as named schemas', () => {
    const nested = Object.entries(raw.components.schemas).flatMap(([name, schema]) =>
      unnamedObjectsIn({ ...schema, type: undefined }, name),
    );
    expect(nested).toEqual([]);
  });

  it('detects an object that is declared inline', () => {
    const schema = { anyOf: [{ $ref: '#/x' }, { type: 'object', properties: { id: { type: 'string' } } }] };
    expect(unnamedObjectsIn({ schema }, 'get /x')).toEqual(['get /x/schema/anyOf/1']);
  });

  it('does not declare a type or an enum next to a $ref', () => {
    const beside: string[] = [];
    JSON.parse(text, (_key, value: Json | null) => {
      if (typeof value?.['$ref'] === 'string' && ('type' in value || 'enum' in value)) beside.push(value['$ref']);
      return value;
    });
    expect(beside).toEqual([]);
  });

  it('gives schemas readable names', () => {
    const names = Object.keys(raw.components.schemas);
    expect(names).toEqual(
      expect.arrayContaining(['Event', 'SubmittedEvent', 'EventReceipt', 'BatchReceipt', 'Receipt', 'Signals']),
    );
    expect(names).toEqual(expect.arrayContaining(['Agent', 'IssuedAgent', 'Cascade', 'AuditEntry', 'Problem']));
    expect(names.filter((name) => !/^[A-Z][A-Za-z]+$/.test(name))).toEqual([]);
  });

  it('shares one definition among responses with the same status and codes', () => {
    const inline = operations().flatMap(([, { responses }]) =>
      Object.values(responses).filter(({ content }) => content?.['application/problem+json']),
    );
    const written = inline.map((response) => JSON.stringify(response));
    expect(new Set(written).size).toBe(written.length);
  });
});
