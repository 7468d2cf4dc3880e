import {
  type AcceptedEvent,
  fingerprintOf,
  MAX_FUTURE_MS,
  type SubmittedEvent,
  submittedEventSchema,
} from '../../shared/domain/event';
import { formerEventId, keyedEventId, serverEventId } from '../../shared/domain/event-id';
import type { ChunkId, EventId, Tenant } from '../../shared/domain/ids';
import { userRefOf } from '../../shared/domain/subject';
import type { FieldError } from '../../shared/errors';
import type { ApiContext } from '../context';
import { fieldErrors } from '../http/validate';

export type ValidationDeps = Pick<ApiContext, 'catalog' | 'secrets' | 'keyedIdsFromMs'>;

/** An event that passed every check but has no chunk yet (and so no id, unless its key gives it one). */
export interface ValidatedEvent {
  tenant: Tenant;
  keyedId: EventId | null;
  /** The id that earlier versions gave it; null where the store holds none of those. */
  formerId: EventId | null;
  accepted: Omit<AcceptedEvent, 'eventId' | 'index'>;
}

/**
 * What is wrong with one submitted event, or the event checked. `nowMs` bounds how far ahead it may lie; `maxErrors`
 * bounds what is made of the problems: with 0 the list is empty, and says only that the event is rejected.
 * `agentId` is the submitting agent, null for the partner's own key.
 */
export function validateEvent(
  { catalog, secrets, keyedIdsFromMs }: ValidationDeps,
  tenant: Tenant,
  input: unknown,
  nowMs: number,
  agentId: string | null = null,
  maxErrors?: number,
): ValidatedEvent | FieldError[] {
  const parsed = submittedEventSchema.safeParse(input);
  const errors = parsed.success ? [] : fieldErrors(parsed.error.issues, maxErrors);
  // A verdict alone is asked for: no suggestion is looked up.
  if (maxErrors === 0 && !(parsed.success && catalog.has(parsed.data.eventType))) return [];
  const eventType = (input as SubmittedEvent | null)?.eventType;
  if (typeof eventType === 'string' && !catalog.has(eventType) && !errors.some(({ path }) => path === 'eventType')) {
    errors.push(unknownType(eventType, catalog.nearest(eventType)));
  }
  if (!parsed.success) return errors;
  const event = parsed.data;
  const occurredAtMs = event.occurredAt === undefined ? null : Date.parse(event.occurredAt);
  const timeProblem = occurredAtMs === null ? null : problemOfTime(occurredAtMs, nowMs);
  if (timeProblem) errors.push(timeProblem);
  if (errors.length > 0) return errors;
  const userRef = userRefOf(secrets.subject, tenant, event.userExternalId);
  const key = event.idempotencyKey;
  const formerId = key === undefined || keyedIdsFromMs === 0 ? null : formerEventId(tenant, key);
  return {
    tenant,
    keyedId: key === undefined ? null : keyedEventId(secrets.eventId, tenant, agentId, formerId ?? key),
    formerId,
    accepted: {
      userRef,
      eventType: event.eventType,
      occurredAtMs,
      weight: event.weight ?? null,
      metadata: event.metadata ?? null,
      fingerprint: key === undefined ? null : fingerprintOf(userRef, event),
    },
  };
}

/**
 * Gives a checked event its place in a chunk, and thereby its id. Without `keyedIds` that is the former one, where the
 * store holds such.
 */
export function assignEventId(
  { tenant, keyedId, formerId, accepted }: ValidatedEvent,
  chunkId: ChunkId,
  index: number,
  keyedIds = true,
): AcceptedEvent {
  if (keyedId === null) return { index, eventId: serverEventId(tenant, chunkId, index), ...accepted };
  if (formerId === null) return { index, eventId: keyedId, ...accepted };
  const [eventId, otherId] = keyedIds ? [keyedId, formerId] : [formerId, keyedId];
  return { index, eventId, otherId, ...accepted };
}

function unknownType(eventType: string, nearest: string[]): FieldError {
  const hint = nearest.length > 0 ? ` Did you mean ${nearest.join(' or ')}?` : ' GET /v1/event-types lists them all.';
  return { path: 'eventType', code: 'UNKNOWN_EVENT_TYPE', message: `${eventType} is not in the catalog.${hint}` };
}

function problemOfTime(atMs: number, nowMs: number): FieldError | null {
  if (Number.isNaN(atMs) || atMs < 0) {
    return { path: 'occurredAt', code: 'OUT_OF_RANGE', message: 'must be a real time, 1970 or later' };
  }
  if (atMs <= nowMs + MAX_FUTURE_MS) return null;
  return { path: 'occurredAt', code: 'IN_THE_FUTURE', message: 'lies more than 5 minutes in the future' };
}
