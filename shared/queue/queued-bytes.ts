import type { Redis } from 'ioredis';
import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';

/**
 * The payload bytes of one chunk that is queued or in work. A reservation is made with the job and released when the
 * chunk is finalized, so that events are rejected before Redis is full. Both may be repeated.
 */
export interface Reservation {
  chunkId: ChunkId;
  tenant: Tenant;
  bytes: number;
}

/** Reserves the bytes of chunks. Returns the queued bytes of all tenants together. */
export async function reserveBytes(
  redis: Redis,
  keys: RedisKeys,
  queue: string,
  entries: Reservation[],
  nowMs: number,
): Promise<number> {
  const args = entries.flatMap(({ chunkId, tenant, bytes }) => [chunkId, `${bytes} ${tenant} ${nowMs}`, bytes]);
  return Number(await scripts.reserveBytes(redis, [keys.reservations(queue), keys.reservedBytes(queue)], args));
}

/** Releases the bytes of chunks. A chunk without a reservation is ignored. */
export async function releaseBytes(redis: Redis, keys: RedisKeys, queue: string, chunkIds: ChunkId[]): Promise<void> {
  await scripts.releaseBytes(redis, [keys.reservations(queue), keys.reservedBytes(queue)], chunkIds);
}

/** Returns the queued bytes of all tenants together. */
export async function queuedBytes(redis: Redis, keys: RedisKeys, queue: string): Promise<number> {
  return Number((await redis.get(keys.reservedBytes(queue))) ?? 0);
}

/** Returns the tenant of a chunk that is queued or in work; null when it has no reservation. */
export async function tenantOfChunk(
  redis: Redis,
  keys: RedisKeys,
  queue: string,
  chunkId: ChunkId,
): Promise<Tenant | null> {
  const value = await redis.hget(keys.reservations(queue), chunkId);
  return value === null ? null : parseReservation(chunkId, value).tenant;
}

/** Parses a stored reservation. */
export function parseReservation(chunkId: string, value: string): Reservation & { reservedAtMs: number } {
  const [bytes, tenant, reservedAtMs] = value.split(' ');
  return {
    chunkId: chunkId as ChunkId,
    tenant: tenant as Tenant,
    bytes: Number(bytes),
    reservedAtMs: Number(reservedAtMs),
  };
}
