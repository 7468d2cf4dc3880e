import type { Redis } from 'ioredis';
import type { ChunkId, Tenant } from '../domain/ids';
import type { RedisKeys } from '../redis/keys';

/**
 * The ledger knows the payload bytes of every chunk that is queued or at work, so that the door can close before
 * Redis is full. An entry is written with its job and taken back when the job is settled; both may be repeated.
 */
export interface LedgerEntry {
  chunkId: ChunkId;
  tenant: Tenant;
  bytes: number;
}

const HOLD = `
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

interface LedgerCommands {
  mirLedgerHold(numKeys: 2, ...args: (string | number)[]): Promise<string | number>;
  mirLedgerRelease(numKeys: 2, ...args: (string | number)[]): Promise<number>;
}

/** Enters chunks; answers the bytes now held in the queue, all tenants together. */
export async function holdBytes(
  redis: Redis,
  keys: RedisKeys,
  queue: string,
  entries: LedgerEntry[],
  nowMs: number,
): Promise<number> {
  const commands = withLedger(redis);
  const args = entries.flatMap(({ chunkId, tenant, bytes }) => [chunkId, `${bytes} ${tenant} ${nowMs}`, bytes]);
  return Number(await commands.mirLedgerHold(2, keys.ledger(queue), keys.ledgerBytes(queue), ...args));
}

/** Takes chunks out again; a chunk that is not there is no error. */
export async function releaseBytes(redis: Redis, keys: RedisKeys, queue: string, chunkIds: ChunkId[]): Promise<void> {
  await withLedger(redis).mirLedgerRelease(2, keys.ledger(queue), keys.ledgerBytes(queue), ...chunkIds);
}

/** Bytes now held in the queue. */
export async function heldBytes(redis: Redis, keys: RedisKeys, queue: string): Promise<number> {
  return Number((await redis.get(keys.ledgerBytes(queue))) ?? 0);
}

/** Whose chunk it is, while it is queued or at work; null when the ledger does not have it. */
export async function tenantInLedger(
  redis: Redis,
  keys: RedisKeys,
  queue: string,
  chunkId: ChunkId,
): Promise<Tenant | null> {
  const value = await redis.hget(keys.ledger(queue), chunkId);
  return value === null ? null : parseLedgerEntry(chunkId, value).tenant;
}

/** Reads one stored ledger entry. */
export function parseLedgerEntry(chunkId: string, value: string): LedgerEntry & { enteredAtMs: number } {
  const [bytes, tenant, enteredAtMs] = value.split(' ');
  return {
    chunkId: chunkId as ChunkId,
    tenant: tenant as Tenant,
    bytes: Number(bytes),
    enteredAtMs: Number(enteredAtMs),
  };
}

const defined = new WeakSet<Redis>();
function withLedger(redis: Redis): Redis & LedgerCommands {
  if (!defined.has(redis)) {
    redis.defineCommand('mirLedgerHold', { lua: HOLD });
    redis.defineCommand('mirLedgerRelease', { lua: RELEASE });
    defined.add(redis);
  }
  return redis as Redis & LedgerCommands;
}
