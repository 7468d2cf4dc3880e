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
import { idempotencyKeySchema, userExternalIdSchema } from '../../../shared/domain/event';

const FACTS = { publicUrl: 'https://mir.example', eventTypes: [] };
const ajv = new Ajv2020({ strict: false });
ajv.addFormat('email', true);
ajv.addFormat('uri', true);

/** Texts with much of what goes wrong: blanks, controls, quotes, nothing at all. */
const texts = oneof(
  string({ unit: 'binary-ascii', maxLength: 40 }),
  string({ unit: constantFrom(' ', '\n', '\t', '\r', 'a', '"', '\\', '\u00a0', '\u0000', 'é'), maxLength: 12 }),
);

function agree(documented: object, isTaken: (text: string) => boolean, from: Arbitrary<string> = texts): void {
  const isValid = ajv.compile(documented);
  assert(
    property(from, (text) => {
      expect({ text, valid: isValid(text) }).toEqual({ text, valid: isTaken(text) });
    }),
    { numRuns: 500 },
  );
}

const fields: [name: string, schema: z.ZodType][] = [
  ['a user id', userExternalIdSchema],
  ['an idempotency key', idempotencyKeySchema],
  ['a name', applicationInput.shape.name],
  ['a use case', applicationInput.shape.useCase],
  ['a reason', reasonSchema],
];
describe('patterns in the OpenAPI document', () => {
  it.each(fields)('what the document says of %s is what is taken', (_, schema) => {
    agree(createComponents(FACTS).schemaOf(schema, 'input'), (text) => schema.safeParse(text).success);
  });

  it('what the document says of the header Idempotency-Key is what is taken', () => {
    const { schema } = idempotencyKeyHeader;
    const isTaken = (text: string): boolean => {
      try {
        return readIdempotencyKey({ headers: { 'idempotency-key': text } }) !== null;
      } catch {
        return false;
      }
    };
    // HTTP takes blanks at both ends off a header before anyone reads it.
    const headers = texts.map((text) => text.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
    agree(schema, isTaken, headers);
    for (const [text, taken] of [
      ['a'.repeat(255), true],
      ['a'.repeat(256), false],
      [`"${'a'.repeat(255)}"`, true],
      [`"${'a'.repeat(256)}"`, false],
      ['"a \\" b"', true],
    ] as const) {
      expect({ text, taken: isTaken(text), documented: ajv.validate(schema, text) }).toEqual({
        text,
        taken,
        documented: taken,
      });
    }
  });

  it('what the document says of a return origin is taken', () => {
    const origins = termsInput.shape.allowedReturnOrigins;
    const documented = createComponents(FACTS).schemaOf(origins.unwrap(), 'input') as { items: { pattern: string } };
    const { pattern } = documented.items;
    // No pattern can say which labels that begin with xn-- are Punycode, and versions of Node disagree.
    assert(
      property(
        stringMatching(new RegExp(pattern)).filter((origin) => !/xn--/i.test(origin)),
        (origin) => {
          expect({ origin, taken: origins.safeParse([origin]).success }).toEqual({ origin, taken: true });
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

  it('an e-mail address longer before the @ than RFC 5321 allows is refused', () => {
    const { contactEmail } = applicationInput.shape;
    expect(contactEmail.safeParse(`${'a'.repeat(64)}@shop.example`).success).toBe(true);
    expect(contactEmail.safeParse(`${'a'.repeat(65)}@shop.example`).success).toBe(false);
  });

  it('an e-mail address may have all that RFC 5322 allows before the @', () => {
    const { contactEmail } = applicationInput.shape;
    for (const local of ['uw}', "o'hara", 'a+b', '{x}', 'a.b!c']) {
      expect({ local, taken: contactEmail.safeParse(`${local}@shop.example`).success }).toEqual({ local, taken: true });
    }
    for (const wrong of ['a..b@shop.example', '@shop.example', 'a@', 'a b@shop.example', 'a@shop']) {
      expect({ wrong, taken: contactEmail.safeParse(wrong).success }).toEqual({ wrong, taken: false });
    }
  });

  it('a limit on length counts what was sent, before anything is trimmed, as the document says', () => {
    expect(reasonSchema.safeParse('a'.repeat(500)).success).toBe(true);
    expect(reasonSchema.safeParse(`${'a'.repeat(500)} `).success).toBe(false);
  });

  it('documents for every route that reads an idempotency key that the key may be rejected', () => {
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
