import type { z } from 'zod';
import type { Catalog } from '../../shared/domain/catalog';
import {
  type AcceptedEvent,
  fingerprintOf,
  MAX_FUTURE_MS,
  type SubmittedEvent,
  submittedEventSchema,
} from '../../shared/domain/event';
import { formerEventId, keyedEventId, serverEventId } from '../../shared/domain/event-id';
import type { ChunkId, EventId, Tenant } from '../../shared/domain/ids';
import type { FieldError } from '../../shared/errors';
import type { ApiContext } from '../context';
import { fieldErrors, parseInput } from '../http/validate';

export type ValidationDeps = Pick<ApiContext, 'catalog' | 'secrets' | 'keyedIdsFromMs'>;

/** A validated event that has not been added to a chunk yet. It has an ID only if it has an idempotency key. */
export interface ValidatedEvent {
  tenant: Tenant;
  keyedId: EventId | null;
  /**
   * ID that earlier versions would have assigned to the event. Null if the event has no idempotency key or the database
   * does not contain any such IDs.
   */
  formerId: EventId | null;
  accepted: Omit<AcceptedEvent, 'eventId' | 'index'>;
}

/**
 * Validates one submitted event. Returns the event, or a list of its errors. `occurredAt` may be at most 5 minutes
 * after `nowMs`. `agentId` is the ID of the submitting agent, or null for the partner's own key. `maxErrors` limits the
 * number of errors; if it is 0, a rejected event produces an empty list.
 */
export function validateEvent(
  { catalog, secrets, keyedIdsFromMs }: ValidationDeps,
  tenant: Tenant,
  input: unknown,
  nowMs: number,
  agentId: string | null = null,
  maxErrors?: number,
): ValidatedEvent | FieldError[] {
  // If no error details are needed, parse once: `parseInput` parses an invalid event again to produce our own messages.
  const parsed = maxErrors === 0 ? submittedEventSchema.safeParse(input) : parseInput(submittedEventSchema, input);
  if (!parsed.success || !catalog.has(parsed.data.eventType))
    return problemsOf(catalog, parsed, input, nowMs, maxErrors);
  const event = parsed.data;
  const occurredAtMs = event.occurredAt === undefined ? null : Date.parse(event.occurredAt);
  const timeProblem = occurredAtMs === null ? null : problemOfTime(occurredAtMs, nowMs);
  if (timeProblem) return [timeProblem];
  const userRef = secrets.userRef(tenant, event.userExternalId);
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
 * Assigns an ID and an index in a chunk to a validated event. If the database may contain IDs from earlier versions,
 * the event carries both IDs, and `keyedIds` determines which one is `eventId`.
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

/** Returns the errors of an event that does not match the schema, or whose type is not in the catalog. */
function problemsOf(
  catalog: Catalog,
  parsed: z.ZodSafeParseResult<SubmittedEvent>,
  input: unknown,
  nowMs: number,
  maxErrors?: number,
): FieldError[] {
  // The caller does not need error details, so skip the search for similar event types.
  if (maxErrors === 0) return [];
  const errors = parsed.success ? [] : fieldErrors(parsed.error.issues, maxErrors);
  const eventType = (input as SubmittedEvent | null)?.eventType;
  if (typeof eventType === 'string' && !catalog.has(eventType) && !errors.some(({ path }) => path === 'eventType')) {
    errors.push(unknownType(eventType, catalog.nearest(eventType)));
  }
  const occurredAt = parsed.data?.occurredAt;
  const timeProblem = occurredAt === undefined ? null : problemOfTime(Date.parse(occurredAt), nowMs);
  if (timeProblem) errors.push(timeProblem);
  return errors;
}

function unknownType(eventType: string, nearest: string[]): FieldError {
  const hint =
    nearest.length > 0 ? ` Did you mean ${nearest.join(' or ')}?` : ' GET /v1/event-types lists all event types.';
  return { path: 'eventType', code: 'UNKNOWN_EVENT_TYPE', message: `${eventType} is not in the catalog.${hint}` };
}

function problemOfTime(atMs: number, nowMs: number): FieldError | null {
  if (Number.isNaN(atMs) || atMs < 0) {
    return { path: 'occurredAt', code: 'OUT_OF_RANGE', message: 'Must be a valid time no earlier than 1970.' };
  }
  if (atMs <= nowMs + MAX_FUTURE_MS) return null;
  return { path: 'occurredAt', code: 'IN_THE_FUTURE', message: 'Must not be more than 5 minutes in the future.' };
}
