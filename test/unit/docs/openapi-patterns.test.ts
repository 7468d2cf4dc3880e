import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020';
import { assert, constantFrom, type Arbitrary, oneof, property, string, stringMatching } from 'fast-check';
import type { z } from 'zod';
import { createComponents } from '../../../api/openapi/components';
import { operationOf } from '../../../api/openapi/operation';
import { idempotencyKeyHeader, readIdempotencyKey } from '../../../api/http/idempotency-key';
import { ADMIN_ROUTES, PARTNER_ROUTES } from '../../../api/routes';
import { applicationInput, termsInput } from '../../../api/partners/input-schemas';
import { reasonSchema } from '../../../api/http/schemas';
import { NO_OPERATOR } from '../../../shared/config/operator';
import { idempotencyKeySchema, userExternalIdSchema } from '../../../shared/domain/event';

const FACTS = { publicUrl: 'https://mir.example', operator: NO_OPERATOR, eventTypes: [] };
const ajv = new Ajv2020({ strict: false });
ajv.addFormat('email', true);
ajv.addFormat('uri', true);

/** Strings with common edge cases: whitespace, control characters, quotes, and the empty string. */
const texts = oneof(
  string({ unit: 'binary-ascii', maxLength: 40 }),
  string({ unit: constantFrom(' ', '\n', '\t', '\r', 'a', '"', '\\', '\u00a0', '\u0000', 'é'), maxLength: 12 }),
);

/** Expects the documented schema to accept exactly the strings that the API accepts. */
function expectSameVerdict(
  documented: object,
  isAccepted: (text: string) => boolean,
  from: Arbitrary<string> = texts,
): void {
  const isValid = ajv.compile(documented);
  assert(
    property(from, (text) => {
      expect({ text, valid: isValid(text) }).toEqual({ text, valid: isAccepted(text) });
    }),
    { numRuns: 500 },
  );
}

const fields: [name: string, schema: z.ZodType][] = [
  ['a user ID', userExternalIdSchema],
  ['an idempotency key', idempotencyKeySchema],
  ['a name', applicationInput.shape.name],
  ['a use case', applicationInput.shape.useCase],
  ['a reason', reasonSchema],
];
describe('patterns in the OpenAPI document', () => {
  it.each(fields)('documents a pattern for %s that matches exactly what the API accepts', (_, schema) => {
    expectSameVerdict(createComponents(FACTS).schemaOf(schema, 'input'), (text) => schema.safeParse(text).success);
  });

  it('documents a pattern for the Idempotency-Key header that matches exactly what the API accepts', () => {
    const { schema } = idempotencyKeyHeader;
    const isAccepted = (text: string): boolean => {
      try {
        return readIdempotencyKey({ headers: { 'idempotency-key': text } }) !== null;
      } catch {
        return false;
      }
    };
    // HTTP strips whitespace around a header value before the application reads it.
    const headers = texts.map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
    expectSameVerdict(schema, isAccepted, headers);
    for (const [text, accepted] of [
      ['a'.repeat(255), true],
      ['a'.repeat(256), false],
      [`"${'a'.repeat(255)}"`, true],
      [`"${'a'.repeat(256)}"`, false],
      ['"a \\" b"', true],
    ] as const) {
      expect({ text, accepted: isAccepted(text), documented: ajv.validate(schema, text) }).toEqual({
        text,
        accepted,
        documented: accepted,
      });
    }
  });

  it('accepts every return origin that matches the documented pattern', () => {
    const origins = termsInput.shape.allowedReturnOrigins;
    const documented = createComponents(FACTS).schemaOf(origins.unwrap(), 'input') as { items: { pattern: string } };
    const { pattern } = documented.items;
    // A pattern cannot express which xn-- labels are valid Punycode, and Node.js versions accept different ones.
    assert(
      property(
        stringMatching(new RegExp(pattern)).filter((origin) => !/xn--/i.test(origin)),
        (origin) => {
          expect({ origin, accepted: origins.safeParse([origin]).success }).toEqual({ origin, accepted: true });
        },
      ),
      { numRuns: 300 },
    );
    for (const rejected of [
      'http://shop.example',
      'https://shop.example/path',
      'https://shop.example?x',
      'shop.example',
    ]) {
      expect(new RegExp(pattern).test(rejected)).toBe(false);
      expect(origins.safeParse([rejected]).success).toBe(false);
    }
  });

  it('rejects an email address whose local part is longer than RFC 5321 allows', () => {
    const { contactEmail } = applicationInput.shape;
    expect(contactEmail.safeParse(`${'a'.repeat(64)}@shop.example`).success).toBe(true);
    expect(contactEmail.safeParse(`${'a'.repeat(65)}@shop.example`).success).toBe(false);
  });

  it('accepts the special characters that RFC 5322 allows in the local part of an email address', () => {
    const { contactEmail } = applicationInput.shape;
    for (const local of ['uw}', "o'hara", 'a+b', '{x}', 'a.b!c']) {
      expect({ local, accepted: contactEmail.safeParse(`${local}@shop.example`).success }).toEqual({
        local,
        accepted: true,
      });
    }
    for (const wrong of ['a..b@shop.example', '@shop.example', 'a@', 'a b@shop.example', 'a@shop']) {
      expect({ wrong, accepted: contactEmail.safeParse(wrong).success }).toEqual({ wrong, accepted: false });
    }
  });

  it('applies length limits before trimming, as documented', () => {
    expect(reasonSchema.safeParse('a'.repeat(500)).success).toBe(true);
    expect(reasonSchema.safeParse(`${'a'.repeat(500)} `).success).toBe(false);
  });

  it('documents IDEMPOTENCY_KEY_INVALID for every route that reads an idempotency key', () => {
    const reading = [...PARTNER_ROUTES, ...ADMIN_ROUTES].filter(({ idempotencyKey }) => idempotencyKey);
    expect(reading.length).toBeGreaterThan(5);
    for (const route of reading) {
      const components = createComponents(FACTS);
      const { parameters, responses } = operationOf(route, components) as {
        parameters: unknown[];
        responses: Record<string, object>;
      };
      expect(parameters).toContainEqual({ $ref: '#/components/parameters/IdempotencyKey' });
      const rejected = { ...components.toJson(), ...responses['400'] };
      expect([route.path, JSON.stringify(rejected)]).toEqual([
        route.path,
        expect.stringContaining('"IDEMPOTENCY_KEY_INVALID"'),
      ]);
    }
  });
});
