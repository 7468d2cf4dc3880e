import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisLink } from '../redis/link';
import { findJobs, type JobState, queueKeys } from './bullmq-internals';
import { findEventShards, type ShardQueue, shardQueues } from './event-shards';
import { discardChunks, finalizeChunks, type TenantChunk } from './finalize-chunks';
import type { RedisKeys } from '../redis/keys';
import { parseReservation } from './queued-bytes';

/**
 * An open marker that has no job after this time is considered abandoned: its submission failed before it was queued.
 */
export const ABANDONED_AFTER_MS = 60_000;
const PAGE = 200;
/** Maximum number of pages per sweep of the reservations. The next sweep continues after them. */
const MAX_PAGES_PER_SWEEP = 50;
const CURSOR_SECONDS = 3_600;

/** A chunk and the time when it was accepted. */
type AcceptedChunk = TenantChunk & { atMs: number };

/** The state of a chunk's job, and its queue. */
type ChunkJob = { state: 'none' } | ({ state: Exclude<JobState, 'none'> } & ShardQueue);

async function findJobsIn(
  link: RedisLink,
  keys: RedisKeys,
  shards: readonly number[],
  chunkIds: readonly string[],
): Promise<ChunkJob[]> {
  const queues = shardQueues(shards);
  const perQueue = await Promise.all(
    queues.map(({ queue, shard }) => findJobs(link.client, queueKeys(keys, queue, shard), chunkIds)),
  );
  return chunkIds.map((_, n) => {
    const found = perQueue.map((states, at) => ({ state: states[n]!, ...queues[at]! }));
    return found.find((job): job is Exclude<ChunkJob, { state: 'none' }> => job.state !== 'none') ?? { state: 'none' };
  });
}

/** Finds the chunks' jobs in all shards. A chunk has a job in at most one of the event queues. */
export async function findChunkJobs(
  link: RedisLink,
  keys: RedisKeys,
  chunkIds: readonly string[],
): Promise<ChunkJob[]> {
  return chunkIds.length === 0 ? [] : findJobsIn(link, keys, await findEventShards(link, keys), chunkIds);
}

/**
 * Finalizes the chunks whose jobs have failed without a worker finalizing them, and discards those that still have no
 * job after `ABANDONED_AFTER_MS`. Returns the number of these chunks.
 */
async function sweepChunks(link: RedisLink, keys: RedisKeys, chunks: AcceptedChunk[], nowMs: number): Promise<number> {
  if (chunks.length === 0) return 0;
  const shards = await findEventShards(link, keys);
  const chunkIds = chunks.map(({ chunkId }) => chunkId);
  const jobs = await findJobsIn(link, keys, shards, chunkIds);
  const failed = chunks.flatMap((chunk, n) => {
    const job = jobs[n]!;
    return job.state === 'failed' ? [{ ...chunk, shard: job.shard }] : [];
  });
  const abandoned = chunks.filter(({ atMs }, n) => jobs[n]!.state === 'none' && atMs <= nowMs - ABANDONED_AFTER_MS);
  // Without its job, nothing shows in which shard the chunk's bytes may be reserved.
  const lost = shards.flatMap((shard) => abandoned.map((chunk) => ({ ...chunk, shard })));
  if (failed.length > 0) await finalizeChunks(link, keys, failed);
  if (lost.length > 0) await discardChunks(link, keys, lost);
  return failed.length + abandoned.length;
}

/** Returns the number of open chunks that were received up to `throughMs`. */
export async function countOpenChunks(
  { client }: RedisLink,
  keys: RedisKeys,
  tenant: Tenant,
  throughMs: number,
): Promise<number> {
  return client.zcount(keys.openChunks(tenant), 0, throughMs);
}

/** Returns whether any chunk received up to `throughMs` is open. */
export async function hasOpenChunks(
  link: RedisLink,
  keys: RedisKeys,
  tenant: Tenant,
  throughMs: number,
): Promise<boolean> {
  return (await countOpenChunks(link, keys, tenant, throughMs)) > 0;
}

/**
 * Sweeps a tenant's oldest open chunks, so that its watermark advances. `nowMs` is a time from the partner's clock.
 * Returns the number of chunks that are no longer open.
 */
export async function sweepOpenChunks(
  link: RedisLink,
  keys: RedisKeys,
  tenant: Tenant,
  nowMs: number,
): Promise<number> {
  const flat = await link.client.zrange(keys.openChunks(tenant), 0, PAGE - 1, 'WITHSCORES');
  const oldest = Array.from({ length: flat.length / 2 }, (_, n) => ({
    chunkId: flat[2 * n] as ChunkId,
    tenant,
    atMs: Number(flat[2 * n + 1]),
  }));
  return sweepChunks(link, keys, oldest, nowMs);
}

/**
 * Sweeps a shard's chunks that have reserved bytes for longer than `ABANDONED_AFTER_MS`. `nowMs` is a time from the
 * server's clock. A sweep is bounded: the next one continues where it stopped. Returns the number of chunks whose bytes
 * were released.
 */
export async function sweepReservations(
  link: RedisLink,
  keys: RedisKeys,
  shard: number,
  nowMs: number,
): Promise<number> {
  const { client } = link;
  let cursor = (await client.get(keys.reservationCursor(shard))) ?? '0';
  let swept = 0;
  for (let page = 0; page < MAX_PAGES_PER_SWEEP; page += 1) {
    const [next, fields] = await client.hscan(keys.reservations(shard), cursor, 'COUNT', PAGE);
    cursor = next;
    const old: AcceptedChunk[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const { tenant, reservedAtMs: atMs } = parseReservation(fields[at + 1]!);
      if (atMs <= nowMs - ABANDONED_AFTER_MS) old.push({ chunkId: fields[at] as ChunkId, tenant, atMs });
    }
    swept += await sweepChunks(link, keys, old, nowMs);
    if (cursor === '0') break;
  }
  await client.set(keys.reservationCursor(shard), cursor, 'EX', CURSOR_SECONDS);
  return swept;
}
