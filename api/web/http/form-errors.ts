import type { z } from 'zod';
import { type FieldError, MirError } from '../../../shared/errors';
import { MAX_REASON_LENGTH } from '../../http/lengths';
import { PublicError } from '../../http/public-error';
import { fieldErrors, parseInput } from '../../http/validate';
import type { FormError } from '../design/form';

/** How the fields of a form are named in errors. */
export interface FormNaming {
  /** Returns the name of the field that an error is about. By default, the first part of its path. */
  nameOf?: (error: FieldError) => string;
  /** Replaces messages that were written for developers. */
  textOf?: (error: FieldError) => string;
}

/** Codes of problems that the form can fix, although they name no field. */
const FIXABLE = new Set(['CONFLICT', 'ESCALATION_DENIED']);

/** Our words for fields that many forms have. */
const COMMON_MESSAGES: Record<string, string> = {
  reason: `Enter a reason of at most ${MAX_REASON_LENGTH} characters, on one line.`,
};

/** Returns the first error of each field. */
function formErrors(
  errors: readonly FieldError[],
  {
    nameOf = ({ path }) => path.split('.')[0]!,
    textOf = ({ path, message }) => COMMON_MESSAGES[path] ?? message,
  }: FormNaming,
): FormError[] {
  const byField = new Map<string, FormError>();
  for (const error of errors) {
    const field = nameOf(error);
    if (!byField.has(field)) byField.set(field, { field, message: textOf(error) });
  }
  return [...byField.values()];
}

type Parsed<T extends z.ZodType> = { data: z.output<T>; errors: readonly [] } | { data: null; errors: FormError[] };

/** Validates the input of a form with the schema of the API. */
export function parseFields<T extends z.ZodType>(schema: T, input: unknown, naming: FormNaming = {}): Parsed<T> {
  const parsed = parseInput(schema, input);
  if (parsed.success) return { data: parsed.data, errors: [] };
  return { data: null, errors: formErrors(fieldErrors(parsed.error.issues), naming) };
}

/**
 * Returns what a route rejected as errors of the form's fields, with our own words for the fields in `messages`. Throws
 * errors that the form cannot fix.
 */
export function errorsOf(error: unknown, messages: Record<string, string>, { nameOf }: FormNaming = {}): FormError[] {
  if (!(error instanceof MirError)) throw error;
  const { errors } = error.more;
  if (errors && errors.length > 0) {
    const found = formErrors(errors, nameOf ? { nameOf } : {});
    return found.map(({ field, message }) => ({ field, message: messages[field] ?? message }));
  }
  if (error instanceof PublicError && FIXABLE.has(error.code)) return [{ field: '', message: error.detail }];
  throw error;
}

/** Returns our words for an address that is missing. Other errors of addresses keep the message of the route. */
export function urlMessages(url: string): Record<string, string> {
  return url === '' ? { url: 'Enter an address that starts with https://.' } : {};
}
