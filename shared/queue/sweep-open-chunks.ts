import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisLink } from '../redis/connect';
import { findJobs, type JobState, queueKeys } from './bullmq-internals';
import { finalizeChunks } from './event-queue';
import { EVENT_QUEUES } from './event-chunk';
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

type Chunk = { chunkId: ChunkId; tenant: Tenant };

/** Returns the state of each chunk's job. A chunk has a job in at most one of the event queues. */
async function jobStates(link: RedisLink, keys: RedisKeys, chunkIds: readonly string[]): Promise<JobState[]> {
  const perQueue = await Promise.all(
    Object.values(EVENT_QUEUES).map(({ name }) => findJobs(link.client, queueKeys(keys, name), chunkIds)),
  );
  return chunkIds.map((_, n) => perQueue.map((states) => states[n]!).find((state) => state !== 'none') ?? 'none');
}

/**
 * Returns the chunks that no job will finalize, because the job is missing or has failed with an unreadable payload.
 */
async function withoutJob(link: RedisLink, keys: RedisKeys, chunks: Chunk[]): Promise<Chunk[]> {
  if (chunks.length === 0) return [];
  const chunkIds = chunks.map(({ chunkId }) => chunkId);
  const jobs = await jobStates(link, keys, chunkIds);
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
  if (flat.length === 0) return false;
  // A full page means that there may be more chunks.
  if (flat.length === 2 * PAGE) return true;
  const ids = flat.filter((_, n) => n % 2 === 0);
  const jobs = await jobStates(link, keys, ids);
  return jobs.some(
    (job, n) => job === 'queued' || (job === 'none' && Number(flat[2 * n + 1]) > nowMs - ABANDONED_AFTER_MS),
  );
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

/**
 * Finalizes abandoned chunks that still reserve bytes. A sweep is bounded: the next one continues where it stopped.
 * Returns the number of finalized chunks.
 */
export async function sweepReservations(link: RedisLink, keys: RedisKeys, nowMs: number): Promise<number> {
  const { client } = link;
  let cursor = (await client.get(keys.reservationCursor())) ?? '0';
  let swept = 0;
  for (let page = 0; page < MAX_PAGES_PER_SWEEP; page += 1) {
    const [next, fields] = await client.hscan(keys.reservations(), cursor, 'COUNT', PAGE);
    cursor = next;
    const old: Chunk[] = [];
    for (let at = 0; at < fields.length; at += 2) {
      const { tenant, reservedAtMs } = parseReservation(fields[at + 1]!);
      if (reservedAtMs < nowMs - ABANDONED_AFTER_MS) old.push({ chunkId: fields[at] as ChunkId, tenant });
    }
    const lost = await withoutJob(link, keys, old);
    if (lost.length > 0) await finalizeChunks(link, keys, lost);
    swept += lost.length;
    if (cursor === '0') break;
  }
  await client.set(keys.reservationCursor(), cursor, 'EX', CURSOR_SECONDS);
  return swept;
}
