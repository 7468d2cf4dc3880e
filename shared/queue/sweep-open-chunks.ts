import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisLink } from '../redis/connect';
import { findJob, queueKeys } from './bullmq-internals';
import { finalizeChunks } from './event-queue';
import { eventsQueue } from './event-chunk';
import type { RedisKeys } from '../redis/keys';
import { parseReservation } from './queued-bytes';

/**
 * After this time, an open marker without a job is considered abandoned, because its submission must have failed before
 * the job was queued.
 */
export const ABANDONED_AFTER_MS = 60_000;
const PAGE = 200;

type Chunk = { chunkId: ChunkId; tenant: Tenant };

/**
 * Returns the chunks that no job will finalize, because the job is missing or has failed with an unreadable payload.
 */
async function withoutJob(link: RedisLink, keys: RedisKeys, chunks: Chunk[]): Promise<Chunk[]> {
  const queue = queueKeys(keys, eventsQueue.name);
  const jobs = await Promise.all(chunks.map(({ chunkId }) => findJob(link.client, queue, chunkId)));
  return chunks.filter((_, n) => jobs[n] !== 'queued');
}

/**
 * Returns whether any chunk received up to `throughMs` is still queued or being processed. A chunk with a recent marker
 * but no job counts as queued, because its job may still be added.
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
  // Checks one chunk at a time, because in a backlog the first one is usually still queued.
  for (let at = 0; at < flat.length; at += 2) {
    const job = await findJob(link.client, queue, flat[at]!);
    if (job === 'queued' || (job === 'none' && Number(flat[at + 1]) > nowMs - ABANDONED_AFTER_MS)) return true;
  }
  // A full page means that there may be more chunks.
  return flat.length === 2 * PAGE;
}

/**
 * Finalizes a tenant's oldest abandoned chunks, so that its watermark advances. Returns the number of finalized chunks.
 */
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

/** Finalizes abandoned chunks that still have a reservation. Returns the number of finalized chunks. */
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
