import { z } from 'zod';
import { type AcceptedEvent } from '../domain/event';
import { serverEventId } from '../domain/event-id';
import type { ChunkId, EventId, Tenant, UserRef } from '../domain/ids';
import { defineQueue, KEEP_DEAD_LETTERS } from './define-queue';

/** With events of up to about 6 KiB, a chunk is at most about 3 MB. */
export const MAX_EVENTS_PER_CHUNK = 500;

const nullableInt = z.number().int().nullable();

/** Marks a row whose content is erased, instead of the index of an event type. */
const REDACTED = -1;

const index = z.number().int().min(0);
// Null if the ID can be derived from the chunk ID and index. Omitting it reduces the size of an event by a third.
const eventId = z.string().min(1).nullable();
const weight = z.number().nullable();
const metadata = z.record(z.string(), z.unknown()).nullable();

/**
 * The fields of an AcceptedEvent as a tuple, which takes half the bytes of an object. The type is an index into the
 * chunk's `types`, the time counts from the chunk's `baseMs`, and a missing fingerprint is omitted.
 */
const eventRowSchema = z.tuple(
  [index, eventId, z.string().min(1), z.number().int().min(REDACTED), nullableInt, weight, metadata],
  z.string(),
);
export type EventRow = z.infer<typeof eventRowSchema>;

/** Facts of the whole batch to which a chunk belongs. The batch's receipt ID contains them. */
export const batchFactsSchema = z.object({
  chunks: z.number().int().positive(),
  accepted: z.number().int().positive(),
});

const chunkFacts = {
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
  /** Absent if `shared`, and in jobs of earlier versions. */
  batch: batchFactsSchema.optional(),
};

const eventChunkSchema = z.object({
  ...chunkFacts,
  /** The distinct event types in the chunk. */
  types: z.array(z.string().min(1)).max(MAX_EVENTS_PER_CHUNK),
  /** Time from which the times in the rows count. */
  baseMs: z.number().int(),
  events: z.array(eventRowSchema).min(1).max(MAX_EVENTS_PER_CHUNK),
});
export type EventChunkPayload = z.infer<typeof eventChunkSchema>;

/** The event type of a redacted row once it is decoded. In version 1, rows contained it. */
const REDACTED_TYPE = 'erased';

/** Version 1 repeated the type in every row, and did not shorten times. */
const eventChunkV1Schema = z
  .object({
    ...chunkFacts,
    events: z
      .array(
        z.tuple([
          index,
          eventId,
          z.string().min(1),
          z.string().min(1),
          nullableInt,
          weight,
          metadata,
          z.string().nullable(),
        ]),
      )
      .min(1)
      .max(MAX_EVENTS_PER_CHUNK),
  })
  .transform(({ events, ...facts }): EventChunkPayload => {
    const typeIndexOf = createTypeIndex();
    const rows = events.map((row): EventRow => {
      const [at, id, userRef, type, occurredAtMs, ownWeight, content, fingerprint] = row;
      const typeIndex = type === REDACTED_TYPE ? REDACTED : typeIndexOf(type);
      return [at, id, userRef, typeIndex, occurredAtMs, ownWeight, content, ...(fingerprint ? [fingerprint] : [])];
    });
    return { ...facts, types: typeIndexOf.types, baseMs: 0, events: rows };
  });

/** Assigns consecutive numbers to event types. */
function createTypeIndex(): ((type: string) => number) & { types: string[] } {
  const types: string[] = [];
  const indexes = new Map<string, number>();
  const indexOf = (type: string): number => {
    const known = indexes.get(type);
    if (known !== undefined) return known;
    indexes.set(type, types.length);
    return types.push(type) - 1;
  };
  return Object.assign(indexOf, { types });
}

const EVENT_JOBS = {
  version: 2,
  older: { 1: eventChunkV1Schema as unknown as z.ZodType<EventChunkPayload> },
  schema: eventChunkSchema,
  /**
   * Does not validate the rows, because the API has just built them from validated events. Validating 500 rows again
   * would take 0.4 to 0.7 ms, or 3% to 5% of the 14 ms that it takes to turn a request body into a payload. Validating
   * the other fields takes 0.02 ms (0.2%).
   */
  checkOnAdd: eventChunkSchema.extend({ events: z.array(z.unknown()).min(1).max(MAX_EVENTS_PER_CHUNK) }),
  options: {
    removeOnComplete: true,
    removeOnFail: KEEP_DEAD_LETTERS,
  },
} as const;

/** Small chunks of tenants that have few open chunks. They never wait behind bulk work. */
export const eventsQueue = defineQueue({ name: 'events', ...EVENT_JOBS });
/** All other chunks. The priority of a job is its place in the order of the partners. */
export const bulkEventsQueue = defineQueue({ name: 'bulk-events', ...EVENT_JOBS });

/** The queue of each lane. Both contain the same payloads, so a definition can read the jobs of either queue. */
export const EVENT_QUEUES = { interactive: eventsQueue, bulk: bulkEventsQueue } as const;
export type EventLane = keyof typeof EVENT_QUEUES;
export type EventQueueName = (typeof EVENT_QUEUES)[EventLane]['name'];

/** Replaces the fingerprint in a redacted row. */
const REDACTED_FINGERPRINT = 'erased';

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
  const redact = ([at, id, userRef, , , , , fingerprint]: EventRow): EventRow => {
    return [at, id, userRef, REDACTED, null, null, null, ...(fingerprint ? [REDACTED_FINGERPRINT] : [])];
  };
  return { ...payload, events: payload.events.map((row) => (isErased(row) ? redact(row) : row)) };
}

/** The accepted events of one tenant in one job. */
export interface EventChunk {
  chunkId: ChunkId;
  tenant: Tenant;
  agentId: string | null;
  /** The agent's ancestors. Not queued: the worker looks them up. */
  agentAncestors?: readonly string[];
  receivedAtMs: number;
  requestIds: string[];
  shared: boolean;
  keyedIds?: boolean | undefined;
  batch?: z.infer<typeof batchFactsSchema> | undefined;
  events: AcceptedEvent[];
}

/** Encodes a chunk as a job payload. */
export function encodeChunk(chunk: EventChunk): EventChunkPayload {
  const typeIndexOf = createTypeIndex();
  const baseMs = chunk.events.find(({ occurredAtMs }) => occurredAtMs !== null)?.occurredAtMs ?? 0;
  const events = chunk.events.map((e): EventRow => {
    const at = e.occurredAtMs === null ? null : e.occurredAtMs - baseMs;
    const type = typeIndexOf(e.eventType);
    if (e.fingerprint === null) return [e.index, null, e.userRef, type, at, e.weight, e.metadata];
    const id = chunk.keyedIds ? (e.otherId ?? e.eventId) : e.eventId;
    return [e.index, id, e.userRef, type, at, e.weight, e.metadata, e.fingerprint];
  });
  return { ...chunk, types: typeIndexOf.types, baseMs, events };
}

function typeAt(types: readonly string[], at: number): string {
  const type = at === REDACTED ? REDACTED_TYPE : types[at];
  if (type === undefined) throw new Error(`the chunk has no event type ${at}`);
  return type;
}

/** Decodes the chunk in a job payload. Throws if a row refers to an event type that the chunk does not contain. */
export function decodeChunk(payload: EventChunkPayload): EventChunk {
  const { chunkId, tenant, agentId, receivedAtMs, requestIds, shared, keyedIds, batch } = payload;
  const { types, baseMs, events } = payload;
  return {
    chunkId: chunkId as ChunkId,
    tenant: tenant as Tenant,
    agentId,
    receivedAtMs,
    requestIds,
    shared,
    keyedIds,
    batch,
    events: events.map(([at, id, userRef, typeIndex, offsetMs, ownWeight, content, fingerprint]) => ({
      index: at,
      eventId: (id as EventId | null) ?? serverEventId(tenant as Tenant, chunkId as ChunkId, at),
      userRef: userRef as UserRef,
      eventType: typeAt(types, typeIndex),
      occurredAtMs: offsetMs === null ? null : baseMs + offsetMs,
      weight: ownWeight,
      metadata: content,
      fingerprint: fingerprint ?? null,
    })),
  };
}
