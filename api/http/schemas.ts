import { z } from 'zod';
import { lineSchema } from '../../shared/domain/line';

const MAX_REASON_LENGTH = 500;
const MAX_ID_LENGTH = 100;

/** The reason of an action, as kept in the audit log. */
export const reasonSchema = lineSchema(MAX_REASON_LENGTH).describe('Why, as the audit keeps it.');

/** JSON Schema for "at least one of these fields is present". */
export function atLeastOne(fields: readonly string[]): { anyOf: { required: string[] }[] } {
  return { anyOf: fields.map((field) => ({ required: [field] })) };
}

/** The id in a path. An id that no document has is a 404, whatever its form. */
export const idParams = z.strictObject({ id: z.string().min(1).max(MAX_ID_LENGTH) });
