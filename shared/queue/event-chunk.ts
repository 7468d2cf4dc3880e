import { z } from 'zod';
import { type AcceptedEvent } from '../domain/event';
import { serverEventId } from '../domain/event-id';
import type { ChunkId, EventId, Tenant, UserRef } from '../domain/ids';
import { defineQueue, KEEP_DEAD_LETTERS } from './define-queue';

/** With events of up to about 6 KiB, a chunk is at most about 3 MB. */
export const MAX_EVENTS_PER_CHUNK = 500;

const nullableInt = z.number().int().nullable();

/** The fields of an AcceptedEvent as a tuple, which takes half the bytes of an object. */
const eventRowSchema = z.tuple([
  z.number().int().min(0),
  // Null if the ID can be derived from the chunk ID and index. Omitting it reduces the size of an event by a third.
  z.string().min(1).nullable(),
  z.string().min(1),
  z.string().min(1),
  nullableInt,
  z.number().nullable(),
  z.record(z.string(), z.unknown()).nullable(),
  z.string().nullable(),
]);
export type EventRow = z.infer<typeof eventRowSchema>;

const eventChunkSchema = z.object({
  chunkId: z.string().min(1),
  tenant: z.string().min(1),
  agentId: z.string().nullable(),
  receivedAtMs: z.number().int().positive(),
  /** For logs: the requests that submitted the events. */
  requestIds: z.array(z.string()),
  /** True if several single-event submissions share the chunk. Each receipt then covers only its own slot. */
  shared: z.boolean(),
  /**
   * True if the API returned keyed IDs. If an event may already be stored under its former ID, its row still contains
   * the former ID, because a worker can derive the keyed ID from the former ID but not vice versa.
   */
  keyedIds: z.boolean().optional(),
  events: z.array(eventRowSchema).min(1).max(MAX_EVENTS_PER_CHUNK),
});
export type EventChunkPayload = z.infer<typeof eventChunkSchema>;

const EVENT_JOBS = {
  version: 1,
  schema: eventChunkSchema,
  /**
   * Does not validate the rows, because the API has just built them from validated events. Validating 500 rows again
   * would take 0.4 to 0.7 ms, or 3% to 5% of the 14 ms that it takes to turn a request body into a payload. Validating
   * the other fields takes 0.02 ms (0.2%).
   */
  checkOnAdd: eventChunkSchema.extend({ events: z.array(z.unknown()).min(1).max(MAX_EVENTS_PER_CHUNK) }),
  options: {
    attempts: 8,
    backoff: { type: 'exponential', delay: 500, jitter: 0.5 },
    removeOnComplete: true,
    removeOnFail: KEEP_DEAD_LETTERS,
  },
} as const;

/** Events of tenants that have few open chunks. Never waits behind bulk work. */
export const eventsQueue = defineQueue({ name: 'events', ...EVENT_JOBS });
/** Events of tenants with a backlog. The priority of a job is its place in the order of the tenants. */
export const bulkEventsQueue = defineQueue({ name: 'bulk-events', ...EVENT_JOBS });

/** The queue of each lane. Both contain the same payloads, so a definition can read the jobs of either queue. */
export const EVENT_QUEUES = { interactive: eventsQueue, bulk: bulkEventsQueue } as const;
export type EventLane = keyof typeof EVENT_QUEUES;

/** Replaces required strings in a redacted row. */
const REDACTED = 'erased';

/**
 * Returns whether a row was redacted. A redacted row keeps only the event's ID, its user and its position in the
 * receipt.
 */
export function isRedacted(row: EventRow): boolean {
  return row[3] === REDACTED;
}

/**
 * Returns a payload without the content of erased events. Keeps the rows of these events, so that a replay reports the
 * events as ERASED and the counts in the receipt still add up.
 */
export function redactRows(payload: EventChunkPayload, isErased: (row: EventRow) => boolean): EventChunkPayload {
  const redact = ([index, eventId, userRef, , , , , fingerprint]: EventRow): EventRow => {
    return [index, eventId, userRef, REDACTED, null, null, null, fingerprint && REDACTED];
  };
  return { ...payload, events: payload.events.map((row) => (isErased(row) ? redact(row) : row)) };
}

/** The accepted events of one tenant in one job. */
export interface EventChunk {
  chunkId: ChunkId;
  tenant: Tenant;
  agentId: string | null;
  receivedAtMs: number;
  requestIds: string[];
  shared: boolean;
  keyedIds?: boolean | undefined;
  events: AcceptedEvent[];
}

/** Encodes a chunk as a job payload. */
export function encodeChunk(chunk: EventChunk): EventChunkPayload {
  return {
    ...chunk,
    events: chunk.events.map((e) => [
      e.index,
      e.fingerprint === null ? null : chunk.keyedIds ? (e.otherId ?? e.eventId) : e.eventId,
      e.userRef,
      e.eventType,
      e.occurredAtMs,
      e.weight,
      e.metadata,
      e.fingerprint,
    ]),
  };
}

/** Decodes the chunk in a job payload. */
export function decodeChunk(payload: EventChunkPayload): EventChunk {
  const { chunkId, tenant, agentId, receivedAtMs, requestIds, shared, keyedIds, events } = payload;
  return {
    chunkId: chunkId as ChunkId,
    tenant: tenant as Tenant,
    agentId,
    receivedAtMs,
    requestIds,
    shared,
    keyedIds,
    events: events.map(([index, eventId, userRef, eventType, occurredAtMs, weight, metadata, fingerprint]) => ({
      index,
      eventId: (eventId as EventId | null) ?? serverEventId(tenant as Tenant, chunkId as ChunkId, index),
      userRef: userRef as UserRef,
      eventType,
      occurredAtMs,
      weight,
      metadata,
      fingerprint,
    })),
  };
}
