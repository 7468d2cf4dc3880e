import type { JobsOptions } from 'bullmq';
import { z } from 'zod';
import { type AcceptedEvent } from '../domain/event';
import { serverEventId } from '../domain/event-id';
import type { ChunkId, EventId, Tenant, UserRef } from '../domain/ids';

/** THE contract between api and workers: queue and job names, payloads, retry policies. */
export const QUEUES = {
  events: 'events',
  cascades: 'cascades',
  webhooks: 'webhooks',
  erasures: 'erasures',
  mails: 'mails',
} as const;
export type QueueName = (typeof QUEUES)[keyof typeof QUEUES];

/** An event is at most about 6 KiB, so a chunk is at most about 3 MB. */
export const MAX_EVENTS_PER_CHUNK = 500;

/**
 * Queues that keep what workers gave up, until an operator replays or drops it or it is too old. The other queues' jobs
 * are wake-ups: a row in the store is the truth, a sweep adds it again, and a failed job is not kept.
 */
export const DEAD_LETTER_QUEUES = [QUEUES.events] as const satisfies readonly QueueName[];
export type DeadLetterQueue = (typeof DEAD_LETTER_QUEUES)[number];

/** As long as receipts are kept, which tell what became of the events. */
export const DEAD_LETTER_AGE_SECONDS = 30 * 24 * 3600;
/** Beyond it the oldest goes. */
const DEAD_LETTER_MAX_COUNT = 1_000;
/** A stall is a crashed or frozen worker, never the job's fault; only attempts are spent on failures. */
export const MAX_STALLED_COUNT = 10_000;

export const EVENT_JOB_OPTIONS = {
  attempts: 8,
  backoff: { type: 'exponential', delay: 500, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: { age: DEAD_LETTER_AGE_SECONDS, count: DEAD_LETTER_MAX_COUNT },
} satisfies JobsOptions;

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

export const eventChunkSchema = z.object({
  v: z.literal(1),
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

export function encodeChunk(chunk: EventChunk): EventChunkPayload {
  return {
    v: 1,
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

/** Reads a payload back; throws a ZodError on anything that is not a chunk. */
export function decodeChunk(data: unknown): EventChunk {
  const { chunkId, tenant, agentId, receivedAtMs, requestIds, shared, keyedIds, events } = eventChunkSchema.parse(data);
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
