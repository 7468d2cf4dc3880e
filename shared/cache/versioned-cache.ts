import { randomUUID } from 'node:crypto';
import { coalesce } from '../concurrency/coalesce';
import type { RedisLink } from '../redis/connect';
import { scripts } from '../redis/scripts';
import { pagesOf } from '../store/pages-of';

const LEASE_MS = 10_000;
/**
 * Lifetime of a cached empty row. Caching empty rows keeps repeated requests for unknown users from reaching MongoDB.
 */
const EMPTY_TTL_SECONDS = 60;
const MAX_KEYS_PER_CALL = 500;

/** Thrown while Redis is unreachable. Callers read from MongoDB instead. */
class CacheUnreachableError extends Error {
  constructor() {
    super('the signals cache is unreachable');
    this.name = 'CacheUnreachableError';
  }
}

/** A reader's right to fill an empty slot. The lease ends when another process writes to the slot. */
export interface RowLease<Ref> {
  ref: Ref;
  token: string;
  runId: string;
  epoch: string;
}

/**
 * A writer's right to fill empty slots. Take it before reading the rows; for rows that a transaction writes, it is enough
 * to take it before the commit. A writer without it still replaces older rows, and ends the leases of readers.
 */
export type Fence = string;
/** The fence of a writer that could not take one. It leaves empty slots to the readers. */
export const NO_FENCE: Fence = '';

/** Keys and encoding of one kind of row. The encoded text is a JSON array that starts with the revision. */
interface RowKind<Ref, Row> {
  slotOf: (run: string, ref: Ref) => string;
  leaseOf: (run: string, ref: Ref) => string;
  encode: (row: Row) => string;
  decode: (text: string) => Row;
}

/**
 * Creates a cache of one kind of row. Keys contain the server's run ID, and the text of each row ends with the epoch in
 * which it was written, so rows that survive a restart or failover are never read. When the epoch of a server changes,
 * processes may use both the old and the new epoch for up to a second. Both epochs share slots and leases, so a put in
 * one epoch also voids leases from the other.
 */
export function createVersionedCache<Ref extends string, Row extends { revision: number }>(
  { link, ttlSeconds }: { link: RedisLink; ttlSeconds: number },
  { slotOf, leaseOf, encode, decode }: RowKind<Ref, Row>,
) {
  const redis = link.client;

  const currentServer = (): { runId: string; epoch: string } => {
    const [runId, epoch] = [link.runId(), link.epoch()];
    if (runId === null || epoch === null) throw new CacheUnreachableError();
    return { runId, epoch };
  };
  const namesOf = (run: string, refs: readonly Ref[]): string[] =>
    refs.flatMap((ref) => [slotOf(run, ref), leaseOf(run, ref)]);
  const rowIn = (epoch: string, text: string | null): Row | null =>
    text?.endsWith(epoch) ? decode(text.slice(0, -epoch.length)) : null;

  const read = coalesce<string, string | null>(
    async (batch) => {
      const texts = await redis.mget(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, n) => resolve(texts[n] ?? null));
    },
    { maxItems: MAX_KEYS_PER_CALL },
  );

  return {
    /** Returns the cached row, or null on a miss. Reads in the same tick share one MGET. */
    async get(ref: Ref): Promise<Row | null> {
      const { runId, epoch } = currentServer();
      return rowIn(epoch, await read(slotOf(runId, ref)));
    },

    /** Returns the row if it has been written since the caller's miss. Otherwise, returns a lease to fill the slot. */
    async lease(ref: Ref): Promise<Row | RowLease<Ref>> {
      const { runId, epoch } = currentServer();
      const token = randomUUID();
      const text = await scripts.leaseSignals(
        redis,
        [slotOf(runId, ref), leaseOf(runId, ref)],
        [token, LEASE_MS, epoch],
      );
      return rowIn(epoch, text) ?? { ref, token, runId, epoch };
    },

    /** Fills the leased slot. Does nothing if the lease is no longer valid. */
    async refill({ ref, token, runId, epoch }: RowLease<Ref>, row: Row): Promise<void> {
      const ttl = row.revision === 0 ? EMPTY_TTL_SECONDS : ttlSeconds;
      await scripts.refillSignals(redis, [slotOf(runId, ref), leaseOf(runId, ref)], [token, encode(row) + epoch, ttl]);
    },

    /** Takes the right to fill those of the slots that are empty. It expires after 10 s. */
    async fence(refs: readonly Ref[]): Promise<Fence> {
      const { runId } = currentServer();
      const token = randomUUID();
      const calls = [...pagesOf(refs, MAX_KEYS_PER_CALL)].map((part) =>
        scripts.fenceSignals(redis, namesOf(runId, part), [token, LEASE_MS]),
      );
      await Promise.all(calls);
      return token;
    },

    /** Writes rows unless the cache has newer ones, or the slot is empty and the fence is no longer valid. */
    async putNewer(rows: readonly [Ref, Row][], fence: Fence): Promise<void> {
      const { runId, epoch } = currentServer();
      const calls = [...pagesOf(rows, MAX_KEYS_PER_CALL)].map((part) => {
        const names = namesOf(
          runId,
          part.map(([ref]) => ref),
        );
        const texts = part.map(([, row]) => encode(row) + epoch);
        return scripts.putNewerSignals(redis, names, [ttlSeconds, fence, ...texts]);
      });
      await Promise.all(calls);
    },

    /**
     * Removes rows that no longer exist in MongoDB, and voids the leases of readers that could still refill the slots.
     */
    async drop(refs: readonly Ref[]): Promise<void> {
      const { runId } = currentServer();
      await Promise.all(refs.map((ref) => redis.del(slotOf(runId, ref), leaseOf(runId, ref))));
    },
  };
}
