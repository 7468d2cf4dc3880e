import { randomUUID } from 'node:crypto';
import type { UserRef } from '../domain/ids';
import type { SignalsRow } from '../domain/signals';
import { tickBatch } from '../platform/tick-batch';
import type { RedisLink } from '../queue/connect';
import type { RedisKeys } from '../queue/keys';
import { partitionOf } from '../domain/partition';

const LEASE_MS = 10_000;
/** A user without events is remembered as empty for this long, so that strangers do not reach the store each time. */
const EMPTY_TTL_SECONDS = 60;
const MAX_KEYS_PER_CALL = 500;

/** Only a newer revision replaces a row; any put voids a reader's lease. ARGV: ttl s, then a row a user. KEYS: slot, lease a user. */
const PUT_NEWER = `
for i = 1, #KEYS, 2 do
  local row = ARGV[1 + (i + 1) / 2]
  local old = redis.call('GET', KEYS[i])
  if not old or tonumber(string.match(old, '^%[(%d+)')) <= tonumber(string.match(row, '^%[(%d+)')) then
    redis.call('SET', KEYS[i], row, 'EX', ARGV[1])
  end
  redis.call('DEL', KEYS[i + 1])
end
return 1
`;

/** A miss takes the lease. KEYS: slot, lease. ARGV: token, lease ms. Answer: the row if one is there meanwhile. */
const LEASE = `
local row = redis.call('GET', KEYS[1])
if row then return row end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return false
`;

/** Fills the slot only while the lease is still this reader's. KEYS: slot, lease. ARGV: token, row, ttl s. */
const REFILL = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1
`;

interface SignalsCommands {
  mirPutNewer(numKeys: number, ...args: (string | number)[]): Promise<number>;
  mirLease(numKeys: 2, ...args: (string | number)[]): Promise<string | null>;
  mirRefill(numKeys: 2, ...args: (string | number)[]): Promise<number>;
}

/** Thrown when the cache's server is not known to be reachable: read the store instead. */
export class CacheAwayError extends Error {
  constructor() {
    super('the signals cache is not reachable');
    this.name = 'CacheAwayError';
  }
}

/** What a reader that missed holds: the right to fill the slot, until anybody writes to it. */
export interface SignalsLease {
  userRef: UserRef;
  token: string;
  runId: string;
}

function encodeRow(row: SignalsRow): string {
  return `[${row.revision},${row.eventCount},${row.firstEventAtMs},${row.lastEventAtMs}]`;
}

function decodeRow(text: string): SignalsRow {
  const [revision, eventCount, firstEventAtMs, lastEventAtMs] = JSON.parse(text) as [
    number,
    number,
    number | null,
    number | null,
  ];
  return { revision, eventCount, firstEventAtMs, lastEventAtMs };
}

/** The cached signals rows. Keys carry the server's run id: rows that survived a restart are never read again. */
export function createSignalsCache({
  link,
  keys,
  ttlSeconds,
}: {
  link: RedisLink;
  keys: RedisKeys;
  ttlSeconds: number;
}) {
  const redis = link.client as RedisLink['client'] & SignalsCommands;
  redis.defineCommand('mirPutNewer', { lua: PUT_NEWER });
  redis.defineCommand('mirLease', { lua: LEASE });
  redis.defineCommand('mirRefill', { lua: REFILL });

  const runIdNow = (): string => {
    const runId = link.runId();
    if (runId === null) throw new CacheAwayError();
    return runId;
  };
  const slotOf = (run: string, ref: UserRef): string => keys.signals(partitionOf(ref), run, ref);
  const leaseOf = (run: string, ref: UserRef): string => keys.signalsLease(partitionOf(ref), run, ref);

  interface Waiting {
    key: string;
    resolve: (text: string | null) => void;
    reject: (error: unknown) => void;
  }
  const readSoon = tickBatch<Waiting>((waiting) => {
    redis.mget(waiting.map(({ key }) => key)).then(
      (texts) => waiting.forEach(({ resolve }, n) => resolve(texts[n] ?? null)),
      (error: unknown) => waiting.forEach(({ reject }) => reject(error)),
    );
  }, MAX_KEYS_PER_CALL);

  return {
    /** The cached row, or null on a miss. Reads of one turn share one MGET. */
    async get(userRef: UserRef): Promise<SignalsRow | null> {
      const key = slotOf(runIdNow(), userRef);
      const text = await new Promise<string | null>((resolve, reject) => readSoon({ key, resolve, reject }));
      return text === null ? null : decodeRow(text);
    },

    /** After a miss: either a row that came meanwhile, or the lease to fill the slot with. */
    async lease(userRef: UserRef): Promise<SignalsRow | SignalsLease> {
      const runId = runIdNow();
      const token = randomUUID();
      const text = await redis.mirLease(2, slotOf(runId, userRef), leaseOf(runId, userRef), token, LEASE_MS);
      return text === null ? { userRef, token, runId } : decodeRow(text);
    },

    /** Fills the slot that the lease was taken for; does nothing when anybody wrote to it since. */
    async refill({ userRef, token, runId }: SignalsLease, row: SignalsRow): Promise<void> {
      const ttl = row.revision === 0 ? EMPTY_TTL_SECONDS : ttlSeconds;
      await redis.mirRefill(2, slotOf(runId, userRef), leaseOf(runId, userRef), token, encodeRow(row), ttl);
    },

    /** Puts rows of one partition unless the cache holds newer ones. */
    async putNewer(rows: [UserRef, SignalsRow][]): Promise<void> {
      const runId = runIdNow();
      const calls: Promise<number>[] = [];
      for (let at = 0; at < rows.length; at += MAX_KEYS_PER_CALL) {
        const part = rows.slice(at, at + MAX_KEYS_PER_CALL);
        const names = part.flatMap(([ref]) => [slotOf(runId, ref), leaseOf(runId, ref)]);
        calls.push(redis.mirPutNewer(names.length, ...names, ttlSeconds, ...part.map(([, row]) => encodeRow(row))));
      }
      await Promise.all(calls);
    },
  };
}

export type SignalsCache = ReturnType<typeof createSignalsCache>;
