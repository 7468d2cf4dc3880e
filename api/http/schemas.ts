import { z } from 'zod';
import { lineSchema } from '../../shared/domain/line';

const MAX_REASON_LENGTH = 500;
const MAX_ID_LENGTH = 100;

/** The reason of an action, as kept in the audit log. */
export const reasonSchema = lineSchema(MAX_REASON_LENGTH).describe('Why, as the audit keeps it.');

export const environmentSchema = z.enum(['live', 'test']).meta({ id: 'Environment' });

/**
 * JSON Schema for "at least one of these fields is present". Give it to a schema that has its `id` already: then it stands
 * beside the reference, where validators apply it and generators of clients, which would make it a union, do not.
 */
export function atLeastOne(fields: readonly string[]): { not: { properties: Record<string, false> } } {
  return { not: { properties: Object.fromEntries(fields.map((field): [string, false] => [field, false])) } };
}

/** The id in a path. An id that no document has is a 404, whatever its form. */
export const idParams = z.strictObject({
  id: z.string().min(1).max(MAX_ID_LENGTH).meta({ parameter: 'Id' }),
});
