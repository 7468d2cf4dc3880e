import type { Redis } from 'ioredis';
import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';

/**
 * The payload bytes of a chunk that is queued or being processed. The API reserves the bytes when it adds the job, so
 * that it can reject events before Redis is full. The bytes are released when the chunk is finalized. Reserving and
 * releasing are both idempotent.
 */
export interface Reservation {
  chunkId: ChunkId;
  tenant: Tenant;
  bytes: number;
}

/** Reserves the chunks' bytes. Returns the total queued bytes of all tenants. */
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

/** Releases the chunks' bytes. Ignores chunks without a reservation. */
export async function releaseBytes(redis: Redis, keys: RedisKeys, queue: string, chunkIds: ChunkId[]): Promise<void> {
  await scripts.releaseBytes(redis, [keys.reservations(queue), keys.reservedBytes(queue)], chunkIds);
}

/** Returns the total queued bytes of all tenants. */
export async function queuedBytes(redis: Redis, keys: RedisKeys, queue: string): Promise<number> {
  return Number((await redis.get(keys.reservedBytes(queue))) ?? 0);
}

/** Returns the tenant of a chunk, or null if the chunk has no reservation. */
export async function tenantOfChunk(
  redis: Redis,
  keys: RedisKeys,
  queue: string,
  chunkId: ChunkId,
): Promise<Tenant | null> {
  const value = await redis.hget(keys.reservations(queue), chunkId);
  return value === null ? null : parseReservation(chunkId, value).tenant;
}

export function parseReservation(chunkId: string, value: string): Reservation & { reservedAtMs: number } {
  const [bytes, tenant, reservedAtMs] = value.split(' ');
  return {
    chunkId: chunkId as ChunkId,
    tenant: tenant as Tenant,
    bytes: Number(bytes),
    reservedAtMs: Number(reservedAtMs),
  };
}
