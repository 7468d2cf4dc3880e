import { MirError } from '../../../shared/errors';
import { PublicError } from '../../http/public-error';
import type { FormError } from '../design/form';

/**
 * Returns what a route rejected as errors of the form's fields, with our own words for the fields in `messages`. Throws
 * errors that the form cannot fix.
 */
export function errorsOf(error: unknown, messages: Record<string, string>): FormError[] {
  if (!(error instanceof MirError)) throw error;
  const { errors } = error.more;
  if (errors && errors.length > 0) {
    const fields = errors.map(({ path, message }) => {
      const field = path.split('.')[0]!;
      return { field, message: messages[field] ?? message };
    });
    return fields.filter(({ field }, index) => fields.findIndex((other) => other.field === field) === index);
  }
  if (error instanceof PublicError && (error.code === 'CONFLICT' || error.code === 'ESCALATION_DENIED')) {
    return [{ field: '', message: error.detail }];
  }
  throw error;
}
