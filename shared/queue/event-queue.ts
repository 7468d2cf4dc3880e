import { MirError, overloaded } from '../errors';
import type { Log } from '../log';
import { NO_TRACING, type SpanContext, type Tracing } from '../tracing/tracing';
import type { RedisLink } from '../redis/link';
import { type FsyncGuard, NO_FSYNC } from '../redis/fsync-guard';
import type { RedisKeys } from '../redis/keys';
import { encodeChunk, EVENT_QUEUES, type EventChunk, type EventLane } from './event-chunk';
import { currentShards } from './event-shards';
import { discardChunks, type TenantChunk } from './finalize-chunks';
import type { OverloadGuard } from './overload-guard';
import { queueFull, type Reserved, reserveBytes, shareExceeded } from './queued-bytes';

/** Maximum number of open chunks of a tenant that uses the interactive lane. */
const MAX_INTERACTIVE_CHUNKS = 16;
/** Maximum number of events in an interactive chunk, so that nobody waits for a large commit there. */
const MAX_INTERACTIVE_EVENTS = 100;
/** Number of events that cost one unit of virtual time. A full chunk costs five. */
const EVENTS_PER_COST_UNIT = 100;
/** Maximum age of an authorization. Well below the age at which a sweep removes open markers without a job. */
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
  /** The partner's maximum share of the queue in percent. Defaults to `DEFAULT_QUEUE_SHARE_PERCENT`. */
  sharePercent?: number | undefined;
  /** Spans of the requests that submitted the events. Defaults to the active span. */
  spans?: readonly (SpanContext | null)[];
}

export interface EventQueue {
  /**
   * Adds the chunks of one tenant. Resolves once all of them are as durable as the fsync guard requires. Throws
   * OVERLOADED if Redis does not confirm them, if the queue is full, or if the authorization is so old that a sweep
   * might remove the open markers before the jobs are added (for example, because the process was paused). Throws
   * QUEUE_SHARE_EXCEEDED if the partner has reached its share of the queue.
   */
  add(chunks: EventChunk[], load: QueueLoad): Promise<void>;
  /** Removes the open markers of chunks that were not added. */
  discard(chunks: readonly TenantChunk[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Returns the lane for a tenant's new chunks. Small chunks of tenants with few open chunks use the interactive lane. All
 * others use the bulk lane, where partners take turns.
 */
export function laneOf(openChunks: number, chunks: readonly { events: readonly unknown[] }[]): EventLane {
  const areSmall = chunks.every(({ events }) => events.length <= MAX_INTERACTIVE_EVENTS);
  return areSmall && openChunks + chunks.length <= MAX_INTERACTIVE_CHUNKS ? 'interactive' : 'bulk';
}

/** Creates a producer for the event queues. Without a guard, the size of the queue is not limited. */
export function createEventQueue(deps: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  guard?: Pick<OverloadGuard, 'limits' | 'setQueuedBytes' | 'noteRefusal'>;
  fsync?: FsyncGuard;
  tracing?: Tracing;
}): EventQueue {
  const { link, keys, log, guard, fsync = NO_FSYNC, tracing = NO_TRACING } = deps;
  const producers = currentShards(keys).map((shard) => ({
    interactive: EVENT_QUEUES.interactive.open({ link, keys, log, shard }),
    bulk: EVENT_QUEUES.bulk.open({ link, keys, log, shard }),
  }));

  const push = async (
    { shard, lane }: { shard: number; lane: EventLane },
    chunks: EventChunk[],
    starts: readonly number[],
  ): Promise<void> => {
    const { queue } = producers[shard]![lane];
    const jobs = chunks.map((chunk, n) => {
      const start = starts[n];
      // BullMQ processes jobs without a priority before all others.
      const priority = start === undefined ? {} : { priority: start + 1 };
      return EVENT_QUEUES[lane].job(encodeChunk(chunk), { jobId: chunk.chunkId, ...priority });
    });
    const [only] = jobs;
    await (jobs.length === 1 ? queue.add(only!.name, only!.data, only!.opts) : queue.addBulk(jobs));
  };

  const discard = (chunks: readonly TenantChunk[]): Promise<void> =>
    discardChunks(
      link,
      keys,
      chunks.map(({ chunkId, tenant }) => ({ chunkId, tenant, shard: keys.eventShardOf(tenant) })),
    );

  /** Throws if the chunks were refused. Nothing was stored then, so their markers can be removed at once. */
  const requireReserved = async ({ status }: Reserved, chunks: EventChunk[]): Promise<void> => {
    if (status === 'OK') return;
    guard?.noteRefusal(chunks[0]!.tenant, status);
    await discard(chunks).catch(() => undefined);
    throw status === 'FULL' ? queueFull() : shareExceeded();
  };

  return {
    async add(chunks, { openChunks, sentBytes, authorizedAt, sharePercent, spans = [] }) {
      if (performance.now() - authorizedAt > MAX_ADMISSION_AGE_MS) throw overloaded('ADMISSION_EXPIRED');
      const lane = laneOf(openChunks, chunks);
      const { tenant, receivedAtMs } = chunks[0]!;
      const to = { shard: keys.eventShardOf(tenant), lane };
      const limits = guard?.limits(sharePercent) ?? null;
      const entries = chunks.map(({ chunkId, events }) => ({
        chunkId,
        bytes: Math.ceil(events.length * (sentBytes + ROW_BYTES)),
        cost: Math.ceil(events.length / EVENTS_PER_COST_UNIT),
      }));
      const confirm = fsync.beforeWrite([keys.openChunks(tenant), keys.queuePrefix(EVENT_QUEUES[lane].name, to.shard)]);
      try {
        await tracing.inSpan('enqueue', { 'mir.jobs': chunks.length, 'mir.lane': lane }, spans, async () => {
          const reserving = reserveBytes(link.client, keys, { ...to, tenant, nowMs: receivedAtMs, limits }, entries);
          // In the interactive lane, nothing depends on the reservation, so both commands share a round trip.
          const pushed = lane === 'interactive' ? push(to, chunks, []) : Promise.resolve();
          const [reserved] = await Promise.all([reserving, pushed]);
          guard?.setQueuedBytes(to.shard, reserved.totalBytes);
          if (lane === 'interactive') return;
          await requireReserved(reserved, chunks);
          await push(to, chunks, reserved.starts);
        });
        await confirm();
      } catch (error) {
        if (error instanceof MirError) throw error;
        throw overloaded('ENQUEUE_UNCONFIRMED', 2, error);
      }
    },
    discard,
    close: async () => {
      await Promise.all(producers.flatMap((lanes) => Object.values(lanes)).map((producer) => producer.close()));
    },
  };
}
