import type { ChunkId } from '../../shared/domain/ids';
import { type EventChunkPayload, type EventRow, isRedacted } from '../../shared/queue/event-chunk';
import { discardChunks } from '../../shared/queue/finalize-chunks';
import type { InspectedQueues } from '../../shared/queue/queues';
import { type ChunkJobRef, readStoredChunk, redactStoredChunk } from '../../shared/queue/stored-chunk';
import type { RedisLink } from '../../shared/redis/link';
import type { RedisKeys } from '../../shared/redis/keys';
import type { ErasureDoc } from '../../shared/store/erasures';

export interface RedactDeps {
  link: RedisLink;
  keys: RedisKeys;
  signal: AbortSignal;
}

/** The events to erase: those of the user that were received up to `erasedAt`. */
export type ErasedEvents = Required<Pick<ErasureDoc, 'tenant' | 'userRef' | 'erasedAt'>>;

const USER_REF = 2;

function isToErase(
  row: EventRow,
  { tenant, receivedAtMs }: EventChunkPayload,
  { tenant: owner, userRef, erasedAt }: ErasedEvents,
): boolean {
  return row[USER_REF] === userRef && tenant === owner && receivedAtMs <= erasedAt.getTime();
}

/** Returns whether a job's payload contains content of these events. */
export async function holdsContent(deps: RedactDeps, job: ChunkJobRef, erased: ErasedEvents): Promise<boolean> {
  const stored = await readStoredChunk(deps, job, erased.userRef);
  return stored?.chunk.events.some((row) => !isRedacted(row) && isToErase(row, stored.chunk, erased)) ?? false;
}

/** Redacts these events in one dead letter, or removes the dead letter if no other content is left. */
export async function redactDeadLetter(
  deps: RedactDeps & { queues: InspectedQueues },
  job: ChunkJobRef,
  erased: ErasedEvents,
): Promise<void> {
  const { link, keys, queues } = deps;
  const { queue, shard, id } = job;
  const { tenant, userRef } = erased;
  const isErased = (row: EventRow, chunk: EventChunkPayload): boolean => isToErase(row, chunk, erased);
  const left = await redactStoredChunk(deps, job, isErased, userRef);
  if (!left?.events.some((row) => isErased(row, left)) || !left.events.every(isRedacted)) return;
  await queues.ofShard(queue, shard).remove(id);
  await discardChunks(link, keys, [{ chunkId: id as ChunkId, tenant, shard }]);
}
