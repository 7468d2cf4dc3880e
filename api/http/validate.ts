import type { z } from 'zod';
import { type FieldError, MAX_LISTED_ERRORS, type ProblemCode } from '../../shared/errors';
import { isMissing, issueMessage } from './issue-message';
import { PROBLEMS } from './problems';
import { PublicError } from './public-error';

/** Maximum length of an error's path, which can contain arbitrary field names sent by the client. */
const MAX_PATH_CHARS = 512;
/** One more than the number of errors that a response lists, so that truncation can be detected. */
const MAX_FIELD_ERRORS = MAX_LISTED_ERRORS + 1;

/** Parses public input. Issues contain our own messages, never zod's. */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.ZodSafeParseResult<z.output<T>> {
  // Parse without options first, because options slow down a successful parse from 1.0 to 2.8 µs per event.
  const parsed = schema.safeParse(input);
  return parsed.success ? parsed : schema.safeParse(input, { error: issueMessage, reportInput: true });
}

/**
 * Counts a variant's missing and unknown fields. In a union, the variant with the lowest count is most likely the
 * intended one.
 */
function misfits(variant: readonly z.core.$ZodIssue[]): number {
  return variant.filter((issue) => issue.code === 'unrecognized_keys' || isMissing(issue)).length;
}

/** Converts the issues from `parseInput` to about `max` field errors with dotted paths and uppercase codes. */
export function fieldErrors(
  issues: readonly z.core.$ZodIssue[],
  max: number = MAX_FIELD_ERRORS,
  prefix = '',
): FieldError[] {
  return issues.slice(0, max).flatMap((issue): FieldError[] => {
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const nearest = issue.errors.reduce((best, variant) => (misfits(variant) < misfits(best) ? variant : best));
      const path = [...(prefix ? [prefix] : []), ...issue.path.map(String)].join('.');
      return fieldErrors(nearest, max, path);
    }
    const at = (path: readonly PropertyKey[]): string =>
      [...(prefix ? [prefix] : []), ...path.map(String)].join('.').slice(0, MAX_PATH_CHARS);
    const { message } = issue;
    if (issue.code === 'unrecognized_keys') {
      return issue.keys
        .slice(0, max)
        .map((key) => ({ path: at([...issue.path, key]), code: 'UNKNOWN_FIELD', message }));
    }
    if (isMissing(issue)) return [{ path: at(issue.path), code: 'REQUIRED', message }];
    const own = issue.code === 'custom' ? (issue.params?.['code'] as string | undefined) : undefined;
    return [{ path: at(issue.path), code: own ?? issue.code.toUpperCase(), message }];
  });
}

/**
 * Returns the parsed input. Throws 422 with all errors in the input, including those in `more`, which the schema cannot
 * express. The code of the thrown error is the first error code that is also a problem code, or VALIDATION_FAILED if
 * there is none.
 */
export function validate<T extends z.ZodType>(
  schema: T,
  input: unknown,
  what: string,
  more: readonly FieldError[] = [],
): z.output<T> {
  const parsed = parseInput(schema, input);
  if (parsed.success && more.length === 0) return parsed.data;
  const errors = [...(parsed.success ? [] : fieldErrors(parsed.error.issues)), ...more];
  const own = errors.map(({ code }) => code).find((code): code is ProblemCode => code in PROBLEMS);
  throw new PublicError(
    own ?? 'VALIDATION_FAILED',
    `The request ${what} is not valid. Fix the problems listed in \`errors\`.`,
    {
      errors,
    },
  );
}
