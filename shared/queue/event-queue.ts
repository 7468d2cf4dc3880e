import type { ChunkId, Tenant } from '../domain/ids';
import { overloaded } from '../errors';
import type { Log } from '../log';
import { NO_TRACING, type SpanContext, type Tracing } from '../tracing/tracing';
import type { RedisLink } from '../redis/connect';
import type { RedisKeys } from '../redis/keys';
import { encodeChunk, type EventChunk, eventsQueue } from './event-chunk';
import { reserveBytes, releaseBytes } from './queued-bytes';

/** Backlogged chunks of one tenant that share a priority step; tenants with less waiting go first. */
const CHUNKS_PER_PRIORITY = 16;
const MAX_PRIORITY = 1_000;
/** Well below the age at which markers without a job are swept. */
const MAX_ENTER_TO_ADD_MS = 30_000;

/** Bytes that an accepted event takes in the queue besides what its partner sent of it. */
const ROW_BYTES = 200;

/** What the queue is told of the chunks that it takes. */
interface QueueLoad {
  /** Chunks of the tenant that are open already. */
  openChunks: number;
  sentBytes: number;
  authorizedAt: number;
  /** Of the requests whose events these are. Default: what runs now. */
  spans?: readonly (SpanContext | null)[];
}

export interface EventQueue {
  /**
   * Resolves when the queue store has all chunks. Throws OVERLOADED when that is not certain. `sentBytes` is the
   * size of an event as it was sent, on average: close enough for the limit on queued bytes, and free. `authorizedAt` (of
   * `performance.now`) is when the open markers were set: a process that froze since must not add what was swept.
   */
  add(chunks: EventChunk[], load: QueueLoad): Promise<void>;
  close(): Promise<void>;
}

/** The producer's side of the events queue. `onQueuedBytes` hears the queue's size after every add. */
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
      if (performance.now() - authorizedAt > MAX_ENTER_TO_ADD_MS) throw overloaded('ADMISSION_EXPIRED');
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

/** Finalizes chunks: removes their open markers (so that the watermark advances) and releases their queued bytes. */
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
