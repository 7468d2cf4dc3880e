import type { RedisClient } from '../redis/link';
import type { ChunkId, Tenant } from '../domain/ids';
import { MirError, overloaded } from '../errors';
import type { RedisKeys } from '../redis/keys';
import { scripts } from '../redis/scripts';
import type { EventLane } from './event-chunk';

/** Bytes below which a partner may also use the part of the queue that is reserved for small partners. */
const SMALL_PARTNER_BYTES = 1024 * 1024;
/** Maximum virtual time. Used as a job's priority, so at most BullMQ's maximum of 2^21, minus one. */
const MAX_VIRTUAL_TIME = 2 ** 21 - 1;

/**
 * The payload bytes of a chunk that is queued or being processed. The API reserves the bytes when it adds the job, so
 * that it can reject events before Redis is full. The bytes are released when the chunk is finalized. Reserving and
 * releasing are both idempotent.
 */
export interface Reservation {
  chunkId: ChunkId;
  bytes: number;
  /** Cost of processing the chunk, in virtual time. Determines the order of the partners in the bulk lane. */
  cost: number;
}

/** Maximum queued bytes in a shard. */
export interface QueueLimits {
  /** Of one partner, in both environments together. */
  partnerBytes: number;
  /** Of all partners together. */
  totalBytes: number;
  /** Of all partners together, when a partner that is not small adds more. */
  sharedBytes: number;
}

export interface Reserved {
  /** `SHARE`: the partner has reached its limit. `FULL`: the queue is full. In both cases, nothing was reserved. */
  status: 'OK' | 'SHARE' | 'FULL';
  /** Queued bytes of all partners in the shard. */
  totalBytes: number;
  /** In the bulk lane, the virtual time at which each chunk starts. Earlier starts are processed first. */
  starts: number[];
}

export const QUEUE_RETRY_AFTER_SECONDS = 5;

/** Returns the error for a full queue. */
export function queueFull(): MirError {
  return overloaded('QUEUE_FULL', QUEUE_RETRY_AFTER_SECONDS);
}

/** Returns the error for a partner that has reached its share of the queue. */
export function shareExceeded(): MirError {
  return new MirError('QUEUE_SHARE_EXCEEDED', 'the partner has reached its share of the events queue', {
    retryAfterSeconds: QUEUE_RETRY_AFTER_SECONDS,
  });
}

function ledger(keys: RedisKeys, shard: number): [string, string, string, string, string] {
  return [
    keys.reservations(shard),
    keys.reservedBytes(shard),
    keys.partnerBytes(shard),
    keys.bulkFinishes(shard),
    keys.bulkClock(shard),
  ];
}

/** The facts about an add of a tenant that decide whether, and in which order, its chunks are accepted. */
interface Add {
  shard: number;
  lane: EventLane;
  tenant: Tenant;
  nowMs: number;
  /** Null if the size of the queue is not limited. */
  limits: QueueLimits | null;
}

/** Reserves the bytes of a tenant's chunks. Enforces the limits only in the bulk lane. */
export async function reserveBytes(
  redis: RedisClient,
  keys: RedisKeys,
  { shard, lane, tenant, nowMs, limits }: Add,
  chunks: readonly Reservation[],
): Promise<Reserved> {
  const [status, totalBytes, , ...starts] = await scripts.reserveBytes(redis, ledger(keys, shard), [
    tenant,
    nowMs,
    lane,
    limits?.partnerBytes ?? '',
    limits?.totalBytes ?? '',
    limits?.sharedBytes ?? '',
    SMALL_PARTNER_BYTES,
    MAX_VIRTUAL_TIME - 1,
    ...chunks.flatMap(({ chunkId, bytes, cost }) => [chunkId, bytes, cost]),
  ]);
  return { status, totalBytes, starts };
}

/** Releases the bytes of a shard's chunks. Ignores chunks without a reservation. */
export async function releaseBytes(
  redis: RedisClient,
  keys: RedisKeys,
  shard: number,
  chunkIds: readonly ChunkId[],
): Promise<void> {
  await scripts.releaseBytes(redis, ledger(keys, shard), [...chunkIds]);
}

/** Returns the total queued bytes of all partners in a shard. */
export async function queuedBytes(redis: RedisClient, keys: RedisKeys, shard: number): Promise<number> {
  return Number((await redis.get(keys.reservedBytes(shard))) ?? 0);
}

/** Returns the tenant of a chunk, or null if the chunk has no reservation in the shard. */
export async function tenantOfChunk(
  redis: RedisClient,
  keys: RedisKeys,
  shard: number,
  chunkId: ChunkId,
): Promise<Tenant | null> {
  const value = await redis.hget(keys.reservations(shard), chunkId);
  return value === null ? null : parseReservation(value).tenant;
}

export function parseReservation(value: string): { tenant: Tenant; bytes: number; reservedAtMs: number } {
  const [bytes, tenant, reservedAtMs] = value.split(' ');
  return { tenant: tenant as Tenant, bytes: Number(bytes), reservedAtMs: Number(reservedAtMs) };
}
