import type { z } from 'zod';
import type { FieldError } from '../../../shared/errors';
import { fieldErrors, parseInput } from '../../http/validate';
import type { FormError } from './form';

type Parsed<T extends z.ZodType> = { data: z.output<T>; errors: readonly [] } | { data: null; errors: FormError[] };

/**
 * Validates the input of a form with the schema of the API. Each field of the form gets its first error. `nameOf` maps
 * the path of an error to the name of the field, and `textOf` replaces messages that were written for developers.
 */
export function parseFields<T extends z.ZodType>(
  schema: T,
  input: unknown,
  {
    nameOf = ({ path }) => path,
    textOf = ({ message }) => message,
  }: { nameOf?: (error: FieldError) => string; textOf?: (error: FieldError) => string } = {},
): Parsed<T> {
  const parsed = parseInput(schema, input);
  if (parsed.success) return { data: parsed.data, errors: [] };
  const byField = new Map<string, FormError>();
  for (const error of fieldErrors(parsed.error.issues)) {
    const field = nameOf(error);
    if (!byField.has(field)) byField.set(field, { field, message: textOf(error) });
  }
  return { data: null, errors: [...byField.values()] };
}
