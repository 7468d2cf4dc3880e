import { EVENT_TYPE_PATTERN } from './catalog';
import { submittedEventSchema } from './event';

export const REJECTED_EVENTS_RETENTION_DAYS = 7;
export const REJECTED_EVENTS_RETENTION_MS = REJECTED_EVENTS_RETENTION_DAYS * 24 * 3600 * 1000;

/** A problem of a rejected event, without anything that the event contains except for its type. */
export interface Rejection {
  /** Position in the batch, or 0 for a single event. */
  index: number;
  code: string;
  /** The event's field. Empty if the problem concerns the entire event or an unknown field. */
  path: string;
  eventType: string | null;
}

const FIELDS: ReadonlySet<string> = new Set(Object.keys(submittedEventSchema.shape));

/**
 * Returns the event's field to which a path leads, or an empty string. Leaves out names that the sender chose, such as
 * unknown fields and keys in `metadata`, because they may contain personal data.
 */
export function fieldOf(path: string): string {
  const [field = ''] = path.split('.');
  return FIELDS.has(field) ? field : '';
}

/** Returns the type of an unvalidated event, or null unless it has the form of an event type. */
export function eventTypeOf(event: unknown): string | null {
  if (typeof event !== 'object' || event === null || !Object.hasOwn(event, 'eventType')) return null;
  const { eventType } = event as { eventType: unknown };
  return typeof eventType === 'string' && EVENT_TYPE_PATTERN.test(eventType) ? eventType : null;
}
