import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { fieldErrors, parseInput } from '../../../../api/http/validate';
import { BARE_ROUTES, PARTNER_ROUTES } from '../../../../api/routes';
import type { FieldError } from '../../../../shared/errors';

/** Matches the beginning of zod's own messages. */
const ZOD_MESSAGE = /^(Invalid|Too (small|big)|Unrecognized|Expected)\b/i;
const SENTENCE = /^[A-Z].*\.$/s;

type Code = z.core.$ZodIssue['code'];

function errorsOf(schema: z.ZodType, input: unknown): FieldError[] {
  const parsed = parseInput(schema, input);
  return parsed.success ? [] : fieldErrors(parsed.error.issues);
}

const CASES: Record<Code, [schema: z.ZodType, input: unknown, code: string, message: string][]> = {
  invalid_type: [
    [z.string(), undefined, 'REQUIRED', 'Required.'],
    [z.string(), null, 'INVALID_TYPE', 'Must be a string.'],
    [z.number(), 'x', 'INVALID_TYPE', 'Must be a number.'],
    [z.coerce.number(), 'x', 'INVALID_TYPE', 'Must be a number.'],
    [z.int(), 1.5, 'INVALID_TYPE', 'Must be an integer.'],
    [z.boolean(), 'x', 'INVALID_TYPE', 'Must be true or false.'],
    [z.strictObject({}), [], 'INVALID_TYPE', 'Must be an object.'],
    [z.array(z.string()), {}, 'INVALID_TYPE', 'Must be an array.'],
    [z.bigint(), 1, 'INVALID_TYPE', 'Must be of type bigint.'],
  ],
  too_small: [
    [z.string().min(1).max(64), '', 'TOO_SMALL', 'Must be between 1 and 64 characters long.'],
    [z.string().trim().min(1), ' ', 'TOO_SMALL', 'Must be at least 1 character long.'],
    [z.number().min(0).max(10), -1, 'TOO_SMALL', 'Must be between 0 and 10.'],
    [z.int().min(1), 0, 'TOO_SMALL', 'Must be at least 1.'],
    [z.array(z.string()).min(1), [], 'TOO_SMALL', 'Must contain at least 1 item.'],
  ],
  too_big: [
    [z.string().min(1).max(2), 'abc', 'TOO_BIG', 'Must be between 1 and 2 characters long.'],
    [z.string().max(2), 'abc', 'TOO_BIG', 'Must be at most 2 characters long.'],
    [z.number().min(0).max(10), 11, 'TOO_BIG', 'Must be between 0 and 10.'],
    [z.array(z.string()).max(2), ['a', 'b', 'c'], 'TOO_BIG', 'Must contain at most 2 items.'],
  ],
  invalid_format: [
    [
      z.iso.datetime({ offset: true }),
      'today',
      'INVALID_FORMAT',
      'Must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z.',
    ],
    [z.email(), 'x', 'INVALID_FORMAT', 'Must be a valid email address.'],
    [
      z.url({ protocol: /^https?$/ }),
      'ftp://x.example',
      'INVALID_FORMAT',
      'Must be a complete URL that starts with https:// or http://.',
    ],
    [z.string().regex(/^a$/), 'b', 'INVALID_FORMAT', 'Must be in the documented format.'],
  ],
  invalid_value: [
    [z.enum(['A', 'B']), 'C', 'INVALID_VALUE', 'Must be one of A, B.'],
    [z.literal('A'), 'C', 'INVALID_VALUE', 'Must be A.'],
  ],
  not_multiple_of: [[z.number().multipleOf(5), 3, 'NOT_MULTIPLE_OF', 'Must be a multiple of 5.']],
  unrecognized_keys: [
    [z.strictObject({}), { x: 1 }, 'UNKNOWN_FIELD', 'Unknown field. Remove it or check its spelling.'],
  ],
  invalid_union: [
    [z.union([z.string(), z.number()]), true, 'INVALID_TYPE', 'Must be a string.'],
    [
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('A') })]),
      { kind: 'B' },
      'INVALID_UNION',
      'Must match one of the documented variants.',
    ],
  ],
  invalid_key: [
    [z.record(z.string().min(2), z.string()), { a: '' }, 'INVALID_KEY', 'Contains a key that is not allowed.'],
  ],
  invalid_element: [
    [z.map(z.any(), z.string()), new Map([[{}, 1]]), 'INVALID_ELEMENT', 'Contains a value that is not allowed.'],
  ],
  custom: [
    [z.string().refine(() => false), 'x', 'CUSTOM', 'Must meet the documented requirements.'],
    [z.string().refine(() => false, 'Our own.'), 'x', 'CUSTOM', 'Our own.'],
    [z.string().refine(() => false, { message: 'Ours.', params: { code: 'OURS' } }), 'x', 'OURS', 'Ours.'],
  ],
};

const HOSTILE = [
  undefined,
  null,
  '',
  ' ',
  'x'.repeat(5_000),
  '\u0000',
  'a\u200bb',
  -1,
  1.5,
  1e300,
  true,
  [],
  {},
  { '': 1 },
];

/** Yields mostly invalid inputs for a schema, with each hostile value as the whole input and as each of its fields. */
function* hostileInputsOf(schema: z.ZodType): Generator {
  yield* HOSTILE;
  if (schema instanceof z.ZodObject) {
    for (const [name, field] of Object.entries(schema.shape)) {
      for (const input of hostileInputsOf(field as z.ZodType)) yield { [name]: input };
    }
  }
  if (schema instanceof z.ZodUnion) for (const option of schema.options) yield* hostileInputsOf(option as z.ZodType);
  if (schema instanceof z.ZodArray) {
    for (const input of hostileInputsOf(schema.element as z.ZodType)) yield [input];
    yield Array.from({ length: 20_000 }, () => 'x');
  }
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    yield* hostileInputsOf(schema.unwrap() as z.ZodType);
  }
}

const schemas = [...PARTNER_ROUTES, ...BARE_ROUTES].flatMap(({ operationId, body, query, params }) =>
  Object.entries({ body, query, params }).flatMap(([part, schema]): [string, z.ZodType][] =>
    schema ? [[`${operationId} ${part}`, schema]] : [],
  ),
);

describe('issueMessage', () => {
  it.each(Object.entries(CASES))("returns MIR's own message for %s", (code, cases) => {
    for (const [schema, input, publicCode, message] of cases) {
      expect(schema.safeParse(input).error!.issues[0]!.code).toBe(code);
      expect(errorsOf(schema, input)).toEqual([{ path: expect.any(String), code: publicCode, message }]);
    }
  });

  it.each(schemas)("hides zod's messages about invalid input: %s", (_name, schema) => {
    for (const input of hostileInputsOf(schema)) {
      for (const { message } of errorsOf(schema, input)) {
        expect(message).not.toMatch(ZOD_MESSAGE);
        expect(message).toMatch(SENTENCE);
      }
    }
  });

  it("covers every issue code for which the route schemas can produce one of zod's messages", () => {
    const issues = schemas.flatMap(([, schema]) =>
      [...hostileInputsOf(schema)].flatMap((input) => schema.safeParse(input).error?.issues ?? []),
    );
    const zodCodes = new Set(issues.filter(({ message }) => ZOD_MESSAGE.test(message)).map(({ code }) => code));
    expect([...zodCodes].toSorted()).toEqual([
      'invalid_format',
      'invalid_type',
      'invalid_union',
      'invalid_value',
      'too_big',
      'too_small',
      'unrecognized_keys',
    ]);
  });
});
