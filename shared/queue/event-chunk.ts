import { z } from 'zod';
import { type AcceptedEvent } from '../domain/event';
import { serverEventId } from '../domain/event-id';
import type { ChunkId, EventId, Tenant, UserRef } from '../domain/ids';
import { defineQueue, KEEP_DEAD_LETTERS } from './define-queue';

/** An event is at most about 6 KiB, so a chunk is at most about 3 MB. */
export const MAX_EVENTS_PER_CHUNK = 500;

const nullableInt = z.number().int().nullable();

/** An AcceptedEvent as a row, in the order of its fields: half the bytes of an object. */
const eventRowSchema = z.tuple([
  z.number().int().min(0),
  // Null: derived from chunk and index, a third of an event's bytes saved.
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
  /** Requests whose events these are, for the logs. */
  requestIds: z.array(z.string()),
  /** The receipt whose events these are covers only its slot: several single submissions share the chunk. */
  shared: z.boolean(),
  /**
   * The API returned keyed ids. The rows carry former ids all the same where the store may hold events under those: a
   * worker can derive the keyed id from them, but not the other way round.
   */
  keyedIds: z.boolean().optional(),
  events: z.array(eventRowSchema).min(1).max(MAX_EVENTS_PER_CHUNK),
});
export type EventChunkPayload = z.infer<typeof eventChunkSchema>;

export const eventsQueue = defineQueue({
  name: 'events',
  version: 1,
  schema: eventChunkSchema,
  /**
   * The API has just built the rows from events that it validated. Checking 500 rows again takes 0.4 to 0.7 ms, which is
   * 3 to 5 % of the 14 ms that a batch of 500 takes from its body to its payload. Checking the rest takes 0.02 ms (0.2 %).
   */
  checkOnAdd: eventChunkSchema.extend({ events: z.array(z.unknown()).min(1).max(MAX_EVENTS_PER_CHUNK) }),
  options: {
    attempts: 8,
    backoff: { type: 'exponential', delay: 500, jitter: 0.5 },
    removeOnComplete: true,
    removeOnFail: KEEP_DEAD_LETTERS,
  },
});

/** What stands in an emptied row for texts that a row must have. */
const EMPTIED = 'erased';

/** True for a row of which only its place in the receipt and its user are left. */
export function isRedacted(row: EventRow): boolean {
  return row[3] === EMPTIED;
}

/**
 * A payload without the content of some events. Their rows stay: a replay makes them ERASED, and their receipt
 * still adds up.
 */
export function redactRows(payload: EventChunkPayload, isErased: (row: EventRow) => boolean): EventChunkPayload {
  const emptied = ([index, eventId, userRef, , , , , fingerprint]: EventRow): EventRow => {
    return [index, eventId, userRef, EMPTIED, null, null, null, fingerprint && EMPTIED];
  };
  return { ...payload, events: payload.events.map((row) => (isErased(row) ? emptied(row) : row)) };
}

/** A chunk of accepted events of one tenant: what one job carries. */
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

/** Returns a chunk as the payload of its job. */
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

/** Returns the chunk in a payload. */
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
