import { hash } from 'node:crypto';
import { configure } from 'safe-stable-stringify';
import { z } from 'zod';
import { EVENT_TYPE_PATTERN } from './catalog';
import type { EventId, UserRef } from './ids';
import { METADATA_KEY_SCHEMA, metadataProblem } from './metadata';
import { IDENTIFIER_PATTERN, identifierProblem } from './text';

export const MAX_EVENTS_PER_CALL = 5_000;
/** Larger than any valid event, which is at most 28 KiB even if every character is escaped as \uXXXX. */
export const MAX_EVENT_BYTES = 32 * 1024;
export const MAX_FUTURE_MS = 5 * 60 * 1000;
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;
export const MAX_WEIGHT = 10;
export const DEFAULT_WEIGHT = 1;

const identifier = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .meta({ pattern: IDENTIFIER_PATTERN })
    .superRefine((text, check) => {
      const message = identifierProblem(text);
      if (message) check.addIssue({ code: 'custom', message, params: { code: 'INVALID_TEXT' } });
    });

export const MAX_USER_ID_LENGTH = 256;
/** A partner's own user ID: 1–256 characters, no control characters. */
export const userExternalIdSchema = identifier(MAX_USER_ID_LENGTH).describe(
  'Your own ID for the user, 1–256 characters. MIR stores only a keyed hash of it.',
);

export const idempotencyKeySchema = identifier(MAX_IDEMPOTENCY_KEY_LENGTH).describe(
  "Prevents duplicates: MIR stores events with the same key and content only once. Your agents' keys are separate from yours.",
);

export const metadataSchema = z
  .custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), {
    message: 'Must be a JSON object.',
    params: { code: 'INVALID_TYPE' },
  })
  .superRefine((value, check) => {
    const problem = metadataProblem(value);
    if (!problem) return;
    const path = problem.path.split('.').slice(1);
    check.addIssue({ code: 'custom', message: problem.message, path, params: { code: problem.code } });
  })
  .meta({
    id: 'Metadata',
    type: 'object',
    propertyNames: METADATA_KEY_SCHEMA,
    additionalProperties: { $ref: '#/components/schemas/MetadataValue' },
    description: 'Any JSON object of up to 4 KiB. Keys must not start with $.',
  });

/** The format of an event type. The catalog is checked separately. */
export const eventTypeSchema = z
  .string()
  .regex(EVENT_TYPE_PATTERN, 'Must have the form mir.<category>.<action>.')
  .meta({ id: 'EventType', examples: ['mir.transaction.completed'] });

/** An event as a partner submits it. */
export const submittedEventSchema = z
  .strictObject({
    userExternalId: userExternalIdSchema,
    eventType: eventTypeSchema,
    occurredAt: z.iso
      .datetime({ offset: true, error: 'Must be an RFC 3339 time with an offset, such as 2026-01-31T12:00:00Z.' })
      .optional()
      .describe('When the event happened. Defaults to the time when MIR received it.'),
    weight: z
      .number()
      .min(0)
      .max(MAX_WEIGHT)
      .optional()
      .describe('How significant the event is to you, 0–10. Defaults to 1.'),
    metadata: metadataSchema.optional(),
    idempotencyKey: idempotencyKeySchema.optional(),
  })
  .meta({ id: 'SubmittedEvent' });
export type SubmittedEvent = z.infer<typeof submittedEventSchema>;

/**
 * An accepted event in the queue. `index` is its position in the submission. The time and weight are null if the
 * submitted event omitted them; the worker fills in the defaults.
 */
export interface AcceptedEvent {
  index: number;
  /** The ID that the API returned. */
  eventId: EventId;
  /**
   * The event's ID under the other scheme, keyed or former (see `event-id.ts`). Absent unless the event may already be
   * stored under that ID.
   */
  otherId?: EventId;
  userRef: UserRef;
  eventType: string;
  occurredAtMs: number | null;
  weight: number | null;
  metadata: Record<string, unknown> | null;
  /** Hash of the submitted content. Null without an idempotency key. */
  fingerprint: string | null;
}

const stable = configure({ deterministic: true });

/**
 * Hashes an event as submitted, without defaults and regardless of key order. Does not need a pepper, because the hash
 * is stored only next to the content itself.
 */
export function fingerprintOf(userRef: UserRef, event: SubmittedEvent): string {
  const { eventType, occurredAt, weight, metadata } = event;
  const at = occurredAt === undefined ? null : Date.parse(occurredAt);
  const content = stable([userRef, eventType, at, weight ?? null, metadata ?? null]);
  return hash('sha256', content ?? '', 'base64url').slice(0, 22);
}
