import { z } from 'zod';
import { MAX_EMAIL_LENGTH, MAX_ID_LENGTH, MAX_REASON_LENGTH } from './lengths';
import { lineSchema } from '../../shared/domain/line';

const LONG_LOCAL_PART = /^[^@]{65,}@/;

export const emailSchema = lineSchema(MAX_EMAIL_LENGTH)
  .check(z.email({ pattern: z.regexes.rfc5322Email }))
  .refine(
    (address) => !LONG_LOCAL_PART.test(address),
    'The part before the @ must be at most 64 characters long (RFC 5321).',
  );
const SECONDS_PER_DAY = 24 * 3_600;
const DEFAULT_OVERLAP_SECONDS = SECONDS_PER_DAY;
const MAX_OVERLAP_SECONDS = 7 * SECONDS_PER_DAY;

export const reasonSchema = lineSchema(MAX_REASON_LENGTH).describe('Reason to record in the audit log.');

/** How long a replaced secret remains in use. */
export const overlapSchema = z.int().min(0).max(MAX_OVERLAP_SECONDS).default(DEFAULT_OVERLAP_SECONDS);

export const environmentSchema = z.enum(['live', 'test']).meta({ id: 'Environment' });

/**
 * Returns a JSON Schema fragment that requires at least one of the fields. Add it to a schema that already has an `id`,
 * so that the fragment is emitted next to the `$ref`. Validators still apply it there, but client generators do not
 * turn the schema into a union.
 */
export function atLeastOne(fields: readonly string[]): { not: { properties: Record<string, false> } } {
  return { not: { properties: Object.fromEntries(fields.map((field): [string, false] => [field, false])) } };
}

/** The ID in a path. Its format is not validated, because any ID that does not exist results in a 404. */
export const idParams = z.strictObject({
  id: z.string().min(1).max(MAX_ID_LENGTH).meta({ parameter: 'Id' }),
});
