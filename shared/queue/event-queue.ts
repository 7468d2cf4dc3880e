import type { ChunkId, Tenant } from '../domain/ids';
import { overloaded } from '../errors';
import type { Log } from '../log';
import { NO_TRACING, type SpanContext, type Tracing } from '../tracing/tracing';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { encodeChunk, type EventChunk, eventsQueue } from './event-chunk';
import { reserveBytes, releaseBytes } from './queued-bytes';

/** Number of open chunks that lowers a tenant's priority by one, so that tenants with smaller backlogs go first. */
const CHUNKS_PER_PRIORITY = 16;
const MAX_PRIORITY = 1_000;
/**
 * Maximum age of an authorization. Well below `ABANDONED_AFTER_MS`, the age at which a sweep removes open markers
 * without a job.
 */
const MAX_ADMISSION_AGE_MS = 30_000;

/** Bytes that an event takes up in the queue in addition to its size in the request. */
const ROW_BYTES = 200;

/** Facts about the chunks to add. */
interface QueueLoad {
  /** The tenant's open chunks before this add. */
  openChunks: number;
  /** Average size of an event in the request body. Costs nothing to compute and is accurate enough for the limit. */
  sentBytes: number;
  /** The time when the chunks were marked as open, from `performance.now()`. */
  authorizedAt: number;
  /** Spans of the requests that submitted the events. Defaults to the active span. */
  spans?: readonly (SpanContext | null)[];
}

export interface EventQueue {
  /**
   * Adds chunks. Resolves once Redis has confirmed all of them. Throws OVERLOADED if Redis does not confirm them, or if
   * the authorization is so old that a sweep might remove the open markers before the jobs are added (for example,
   * because the process was paused).
   */
  add(chunks: EventChunk[], load: QueueLoad): Promise<void>;
  close(): Promise<void>;
}

/** Creates a producer for the events queue. Calls `onQueuedBytes` with the total queued bytes after each add. */
export function createEventQueue(deps: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  onQueuedBytes?: (bytes: number) => void;
  tracing?: Tracing;
}): EventQueue {
  const { link, keys, log, onQueuedBytes, tracing = NO_TRACING } = deps;
  const producer = eventsQueue.open({ link, keys, log });
  const { queue } = producer;

  return {
    async add(chunks, { openChunks, sentBytes, authorizedAt, spans = [] }) {
      if (performance.now() - authorizedAt > MAX_ADMISSION_AGE_MS) throw overloaded('ADMISSION_EXPIRED');
      const entries = chunks.map((chunk) => ({
        chunkId: chunk.chunkId,
        tenant: chunk.tenant,
        bytes: Math.ceil(chunk.events.length * (sentBytes + ROW_BYTES)),
      }));
      const priority = Math.min(Math.floor(openChunks / CHUNKS_PER_PRIORITY), MAX_PRIORITY);
      const jobs = chunks.map((chunk) =>
        eventsQueue.job(encodeChunk(chunk), { jobId: chunk.chunkId, ...(priority > 0 ? { priority } : {}) }),
      );
      try {
        await tracing.inSpan('enqueue', { 'mir.jobs': jobs.length }, spans, async () => {
          const reserved = reserveBytes(link.client, keys, eventsQueue.name, entries, chunks[0]!.receivedAtMs);
          const [only] = jobs;
          const added = jobs.length === 1 ? queue.add(only!.name, only!.data, only!.opts) : queue.addBulk(jobs);
          const [bytes] = await Promise.all([reserved, added]);
          onQueuedBytes?.(bytes);
        });
      } catch (error) {
        throw overloaded('ENQUEUE_UNCONFIRMED', 2, error);
      }
    },
    close: () => producer.close(),
  };
}

/** Removes the chunks' open markers, so that the watermark advances, and releases the chunks' queued bytes. */
export async function finalizeChunks(
  link: RedisLink,
  keys: RedisKeys,
  chunks: { chunkId: ChunkId; tenant: Tenant }[],
): Promise<void> {
  const byTenant = new Map<Tenant, ChunkId[]>();
  for (const { chunkId, tenant } of chunks) {
    const own = byTenant.get(tenant);
    if (own) own.push(chunkId);
    else byTenant.set(tenant, [chunkId]);
  }
  const removals = [...byTenant].map(([tenant, own]) => link.client.zrem(keys.openChunks(tenant), ...own));
  const ids = chunks.map(({ chunkId }) => chunkId);
  await Promise.all([...removals, releaseBytes(link.client, keys, eventsQueue.name, ids)]);
}
