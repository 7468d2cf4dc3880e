import type { z } from 'zod';
import { type FieldError, MAX_LISTED_ERRORS, type ProblemCode } from '../../shared/errors';
import { PROBLEMS } from './problems';
import { PublicError } from './public-error';

/** Fields that are missing or unknown at the top of one of several allowed shapes: the fewer, the more it was meant. */
function misfits(option: readonly z.core.$ZodIssue[]): number {
  return option.filter(
    (issue) =>
      issue.code === 'unrecognized_keys' || (issue.code === 'invalid_type' && /received undefined/.test(issue.message)),
  ).length;
}

/** A path may hold names that the sender chose. */
const MAX_PATH_CHARS = 512;
/** One more than a response lists, so that it can say that there are more. */
const MAX_FIELD_ERRORS = MAX_LISTED_ERRORS + 1;

/** zod's issues as field errors: a dotted path, a code in capitals and what to do. At most about `max` are made. */
export function fieldErrors(
  issues: readonly z.core.$ZodIssue[],
  max: number = MAX_FIELD_ERRORS,
  prefix = '',
): FieldError[] {
  return issues.slice(0, max).flatMap((issue): FieldError[] => {
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const nearest = issue.errors.reduce((best, option) => (misfits(option) < misfits(best) ? option : best));
      const path = [...(prefix ? [prefix] : []), ...issue.path.map(String)].join('.');
      return fieldErrors(nearest, max, path);
    }
    const at = (path: readonly PropertyKey[]): string =>
      [...(prefix ? [prefix] : []), ...path.map(String)].join('.').slice(0, MAX_PATH_CHARS);
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, max).map((key) => ({
        path: at([...issue.path, key]),
        code: 'UNKNOWN_FIELD',
        message: 'this field is not known here; remove it or check its spelling',
      }));
    }
    const missing =
      issue.code === 'invalid_type' && issue.input === undefined && /received undefined/.test(issue.message);
    const own = issue.code === 'custom' ? (issue.params?.['code'] as string | undefined) : undefined;
    const code = missing ? 'REQUIRED' : (own ?? issue.code.toUpperCase());
    return [{ path: at(issue.path), code, message: missing ? 'is required' : issue.message }];
  });
}

/**
 * Parses an input part or throws 422 with every problem in it: the schema's, and `more` that somebody else found. The
 * answer's code is that of the first field whose code is a problem of its own.
 */
export function validate<T extends z.ZodType>(
  schema: T,
  input: unknown,
  what: string,
  more: readonly FieldError[] = [],
): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success && more.length === 0) return parsed.data;
  const errors = [...(parsed.success ? [] : fieldErrors(parsed.error.issues)), ...more];
  const own = errors.map(({ code }) => code).find((code): code is ProblemCode => code in PROBLEMS);
  throw new PublicError(
    own ?? 'VALIDATION_FAILED',
    `The ${what} is not valid. Fix the problems listed in \`errors\`.`,
    {
      errors,
    },
  );
}
