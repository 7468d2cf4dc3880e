import type { z } from 'zod';

type Code = z.core.$ZodIssue['code'];
type RawIssue<C extends Code = Code> = Extract<z.core.$ZodRawIssue, { code: C }>;

/** Noun phrases for zod's type names. */
const TYPES: Record<string, string> = {
  array: 'an array',
  boolean: 'true or false',
  int: 'an integer',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a string',
};

const FORMATS: Record<string, string> = {
  datetime: 'an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z',
  email: 'a valid email address',
  url: 'a complete URL that starts with https:// or http://',
};

/** The limits of zod's string and number schemas. An issue contains only the limit that the value violates. */
interface Limits {
  minLength?: number | null;
  maxLength?: number | null;
  minValue?: number | null;
  maxValue?: number | null;
}

const isLimit = (value: number | null | undefined): value is number => Number.isFinite(value ?? Number.NaN);

/** Returns the range that a schema allows, for example `between 1 and 64` or `at most 10`. */
function range(min: number | null | undefined, max: number | null | undefined): string {
  // `z.int()` is limited to safe integers.
  const [hasMin, hasMax] = [min, max].map((limit) => isLimit(limit) && Math.abs(limit) < Number.MAX_SAFE_INTEGER);
  if (hasMin && hasMax) return `between ${min} and ${max}`;
  return hasMin ? `at least ${min}` : `at most ${max}`;
}

const items = (count: number | bigint): string => `${count} ${Number(count) === 1 ? 'item' : 'items'}`;

function outOfRange(issue: RawIssue<'too_small' | 'too_big'>): string {
  if (issue.origin === 'array') {
    return issue.code === 'too_small'
      ? `Must contain at least ${items(issue.minimum)}.`
      : `Must contain at most ${items(issue.maximum)}.`;
  }
  const { minLength, maxLength, minValue, maxValue } = (issue.schema ?? {}) as Limits;
  if (issue.origin === 'string') {
    const unit = (maxLength ?? minLength) === 1 ? 'character' : 'characters';
    return `Must be ${range(minLength, maxLength)} ${unit} long.`;
  }
  return `Must be ${range(minValue, maxValue)}.`;
}

/** Returns true if the issue is a missing required field. The parse must set `reportInput`. */
export function isMissing({ code, input }: { code?: string | undefined; input?: unknown }): boolean {
  return code === 'invalid_type' && input === undefined;
}

/**
 * Returns the public message for a zod issue: a sentence that says what to send. Every parse of public input uses this
 * function as its error map, so that clients never see zod's own messages. A message set by the schema itself takes
 * precedence.
 */
export function issueMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return isMissing(issue) ? 'Required.' : `Must be ${TYPES[issue.expected] ?? `of type ${issue.expected}`}.`;
    case 'too_small':
    case 'too_big':
      return outOfRange(issue);
    case 'invalid_format':
      return `Must be ${FORMATS[issue.format] ?? 'in the documented format'}.`;
    case 'invalid_value':
      return `Must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map(String).join(', ')}.`;
    case 'not_multiple_of':
      return `Must be a multiple of ${issue.divisor}.`;
    case 'unrecognized_keys':
      return 'Unknown field. Remove it or check its spelling.';
    case 'invalid_union':
      return 'Must match one of the documented variants.';
    case 'invalid_key':
      return 'Contains a key that is not allowed.';
    case 'invalid_element':
      return 'Contains a value that is not allowed.';
    default:
      return 'Must meet the documented requirements.';
  }
}
