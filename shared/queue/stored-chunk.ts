import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import { JOB_FIELDS, queueKeys, storedPayload } from './bullmq-internals';
import { type EventChunkPayload, type EventRow, eventsQueue, isRedacted, redactRows } from './event-chunk';
import type { ShardQueue } from './event-shards';

interface Deps {
  link: RedisLink;
  keys: RedisKeys;
}

/** A job of one of the event queues. */
export interface ChunkJobRef extends ShardQueue {
  id: string;
}

interface StoredChunk {
  /** The payload as stored. */
  text: string;
  chunk: EventChunkPayload;
}

/**
 * Reads the chunk in a job's stored payload. Returns null if the job does not exist, if its payload does not contain
 * `mention`, or if the payload is unreadable.
 */
export async function readStoredChunk(
  { link, keys }: Deps,
  { queue, shard, id }: ChunkJobRef,
  mention = '',
): Promise<StoredChunk | null> {
  const text = await storedPayload(link.client, queueKeys(keys, queue, shard), id);
  // Skip parsing payloads that do not mention the user; most do not.
  if (!text?.includes(mention)) return null;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return null;
  }
  const read = eventsQueue.safeParse(data);
  return read.success ? { text, chunk: read.data } : null;
}

/**
 * Redacts the erased events in a job's stored payload. Replaces the payload only if it is unchanged, so that concurrent
 * redactions cannot undo each other. Returns the chunk as it is stored now, or null as `readStoredChunk` does.
 */
export async function redactStoredChunk(
  deps: Deps & { signal: AbortSignal },
  job: ChunkJobRef,
  isErased: (row: EventRow, chunk: EventChunkPayload) => boolean,
  mention = '',
): Promise<EventChunkPayload | null> {
  const { link, keys, signal } = deps;
  const key = queueKeys(keys, job.queue, job.shard).job(job.id);
  for (;;) {
    signal.throwIfAborted();
    const stored = await readStoredChunk(deps, job, mention);
    if (!stored) return null;
    const { text, chunk } = stored;
    if (!chunk.events.some((row) => !isRedacted(row) && isErased(row, chunk))) return chunk;
    const left = redactRows(chunk, (row) => isErased(row, chunk));
    const swap = [JOB_FIELDS.payload, text, JSON.stringify(eventsQueue.encode(left))] as const;
    if (await scripts.replaceJobData(link.client, [key], swap)) return left;
  }
}
