import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisLink } from '../redis/connect';
import { findJob, queueKeys } from './bullmq-internals';
import { finalizeChunks } from './event-queue';
import { eventsQueue } from './event-chunk';
import type { RedisKeys } from '../redis/keys';
import { parseReservation } from './queued-bytes';

/** A mark this old without a job belongs to a submission that never got its job. */
export const ABANDONED_AFTER_MS = 60_000;
const PAGE = 200;

type Chunk = { chunkId: ChunkId; tenant: Tenant };

/** Chunks that no job will finalize: there is none, or it failed (with a payload that names no tenant). */
async function withoutJob(link: RedisLink, keys: RedisKeys, chunks: Chunk[]): Promise<Chunk[]> {
  const queue = queueKeys(keys, eventsQueue.name);
  const jobs = await Promise.all(chunks.map(({ chunkId }) => findJob(link.client, queue, chunkId)));
  return chunks.filter((_, n) => jobs[n] !== 'queued');
}

/**
 * Whether anything that was received up to a time is still queued or at work. A mark that has no job yet may get one
 * until it is abandoned.
 */
export async function isQueuedUpTo(
  link: RedisLink,
  keys: RedisKeys,
  tenant: Tenant,
  throughMs: number,
  nowMs: number,
): Promise<boolean> {
  const flat = await link.client.zrangebyscore(keys.openChunks(tenant), 0, throughMs, 'WITHSCORES', 'LIMIT', 0, PAGE);
  const queue = queueKeys(keys, eventsQueue.name);
  // One by one: in a backlog the first tells, and many may ask.
  for (let at = 0; at < flat.length; at += 2) {
    const job = await findJob(link.client, queue, flat[at]!);
    if (job === 'queued' || (job === 'none' && Number(flat[at + 1]) > nowMs - ABANDONED_AFTER_MS)) return true;
  }
  // The oldest come first: while they fill the page, more may follow.
  return flat.length === 2 * PAGE;
}

/** Ends open markers of one tenant that have no job, so that its watermark moves on. Answers how many. */
export async function sweepOpenChunks(
  link: RedisLink,
  keys: RedisKeys,
  tenant: Tenant,
  nowMs: number,
): Promise<number> {
  const before = nowMs - ABANDONED_AFTER_MS;
  const ids = await link.client.zrangebyscore(keys.openChunks(tenant), 0, before, 'LIMIT', 0, PAGE);
  const lost = await withoutJob(
    link,
    keys,
    ids.map((chunkId) => ({ chunkId: chunkId as ChunkId, tenant })),
  );
  if (lost.length > 0) await finalizeChunks(link, keys, lost);
  return lost.length;
}

/** Finalizes all chunks that reserved bytes but have no job: their submission died before it was queued. */
export async function sweepReservations(link: RedisLink, keys: RedisKeys, nowMs: number): Promise<number> {
  let cursor = '0';
  let swept = 0;
  do {
    const [next, fields] = await link.client.hscan(keys.reservations(eventsQueue.name), cursor, 'COUNT', PAGE);
    cursor = next;
    const old: Chunk[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const entry = parseReservation(fields[at]!, fields[at + 1]!);
      if (entry.reservedAtMs < nowMs - ABANDONED_AFTER_MS) old.push(entry);
    }
    const lost = await withoutJob(link, keys, old);
    if (lost.length > 0) await finalizeChunks(link, keys, lost);
    swept += lost.length;
  } while (cursor !== '0');
  return swept;
}
