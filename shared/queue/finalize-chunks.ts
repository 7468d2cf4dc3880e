import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisLink } from '../redis/link';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import { DEAD_LETTER_AGE_SECONDS } from './define-queue';
import { releaseBytes } from './queued-bytes';

/**
 * Maximum time for which the job of a finalized chunk exists: as long as dead letters are kept, plus a day for clocks
 * that differ.
 */
const FINALIZED_MAX_AGE_MS = (DEAD_LETTER_AGE_SECONDS + 24 * 3_600) * 1_000;

/**
 * A chunk that a tenant submitted. From the time it is accepted until its job no longer exists, it is in one of two sets
 * of the tenant: the open chunks, which hold back the watermark, or the finalized chunks. A finalized chunk's job is
 * about to complete, was redelivered because its completion was lost, or is a dead letter that may be replayed.
 */
export interface TenantChunk {
  chunkId: ChunkId;
  tenant: Tenant;
}

/** A chunk whose bytes are reserved in a shard. */
export interface QueuedChunk extends TenantChunk {
  shard: number;
}

function groupIds<Chunk extends TenantChunk, Key>(
  chunks: readonly Chunk[],
  keyOf: (chunk: Chunk) => Key,
): [Key, ChunkId[]][] {
  const ids = new Map<Key, ChunkId[]>();
  for (const chunk of chunks) {
    const own = ids.get(keyOf(chunk));
    if (own) own.push(chunk.chunkId);
    else ids.set(keyOf(chunk), [chunk.chunkId]);
  }
  return [...ids];
}

const byTenant = (chunks: readonly TenantChunk[]): [Tenant, ChunkId[]][] => groupIds(chunks, ({ tenant }) => tenant);

async function releaseReserved({ client }: RedisLink, keys: RedisKeys, chunks: readonly QueuedChunk[]): Promise<void> {
  const groups = groupIds(chunks, ({ shard }) => shard);
  await Promise.all(groups.map(([shard, ids]) => releaseBytes(client, keys, shard, ids)));
}

/** Moves the chunks to the finalized ones. Chunks that are there already count as finalized now. */
export async function recordFinalized(
  { client }: RedisLink,
  keys: RedisKeys,
  chunks: readonly TenantChunk[],
): Promise<void> {
  const moves = byTenant(chunks).map(([tenant, ids]) =>
    scripts.finalizeChunks(
      client,
      [keys.openChunks(tenant), keys.finalizedChunks(tenant)],
      [FINALIZED_MAX_AGE_MS, ...ids],
    ),
  );
  await Promise.all(moves);
}

/** Moves the chunks to the finalized ones, so that the watermark advances, and releases the chunks' queued bytes. */
export async function finalizeChunks(link: RedisLink, keys: RedisKeys, chunks: readonly QueuedChunk[]): Promise<void> {
  await Promise.all([recordFinalized(link, keys, chunks), releaseReserved(link, keys, chunks)]);
}

/** Removes finalized chunks whose jobs no longer exist. */
export async function removeFinalized(
  { client }: RedisLink,
  keys: RedisKeys,
  chunks: readonly TenantChunk[],
): Promise<void> {
  await Promise.all(byTenant(chunks).map(([tenant, ids]) => client.zrem(keys.finalizedChunks(tenant), ...ids)));
}

/**
 * Removes chunks that have no job from both sets, so that the watermark advances, and releases the chunks' queued bytes.
 */
export async function discardChunks(link: RedisLink, keys: RedisKeys, chunks: readonly QueuedChunk[]): Promise<void> {
  const unmarked = byTenant(chunks).map(([tenant, own]) => link.client.zrem(keys.openChunks(tenant), ...own));
  await Promise.all([...unmarked, removeFinalized(link, keys, chunks), releaseReserved(link, keys, chunks)]);
}
