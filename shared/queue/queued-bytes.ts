import type { Redis } from 'ioredis';
import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisKeys } from '../redis/keys';

/**
 * The payload bytes of one chunk that is queued or in work. A reservation is made with the job and released when the
 * chunk is finalized, so that events are rejected before Redis is full. Both may be repeated.
 */
export interface Reservation {
  chunkId: ChunkId;
  tenant: Tenant;
  bytes: number;
}

const RESERVE = `
local total = false
for i = 1, #ARGV, 3 do
  if redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) == 1 then
    total = redis.call('INCRBY', KEYS[2], ARGV[i + 2])
  end
end
return total or redis.call('GET', KEYS[2])
`;

const RELEASE = `
local freed = 0
for i = 1, #ARGV do
  local entry = redis.call('HGET', KEYS[1], ARGV[i])
  if entry then
    redis.call('HDEL', KEYS[1], ARGV[i])
    freed = freed + tonumber(string.match(entry, '^%d+'))
  end
end
if freed > 0 then redis.call('DECRBY', KEYS[2], freed) end
if redis.call('HLEN', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
return freed
`;

interface ReservationCommands {
  mirReserveBytes(numKeys: 2, ...args: (string | number)[]): Promise<string | number>;
  mirReleaseBytes(numKeys: 2, ...args: (string | number)[]): Promise<number>;
}

/** Reserves the bytes of chunks. Returns the queued bytes of all tenants together. */
export async function reserveBytes(
  redis: Redis,
  keys: RedisKeys,
  queue: string,
  entries: Reservation[],
  nowMs: number,
): Promise<number> {
  const commands = withCommands(redis);
  const args = entries.flatMap(({ chunkId, tenant, bytes }) => [chunkId, `${bytes} ${tenant} ${nowMs}`, bytes]);
  return Number(await commands.mirReserveBytes(2, keys.reservations(queue), keys.reservedBytes(queue), ...args));
}

/** Releases the bytes of chunks. A chunk without a reservation is ignored. */
export async function releaseBytes(redis: Redis, keys: RedisKeys, queue: string, chunkIds: ChunkId[]): Promise<void> {
  await withCommands(redis).mirReleaseBytes(2, keys.reservations(queue), keys.reservedBytes(queue), ...chunkIds);
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

const defined = new WeakSet<Redis>();
function withCommands(redis: Redis): Redis & ReservationCommands {
  if (!defined.has(redis)) {
    redis.defineCommand('mirReserveBytes', { lua: RESERVE });
    redis.defineCommand('mirReleaseBytes', { lua: RELEASE });
    defined.add(redis);
  }
  return redis as Redis & ReservationCommands;
}
