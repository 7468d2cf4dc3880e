import { randomUUID } from 'node:crypto';
import { coalesce } from '../concurrency/coalesce';
import type { RedisLink } from '../redis/connect';
import { scripts } from '../redis/scripts';

const LEASE_MS = 10_000;
/** What the store does not have is remembered as empty for this long, so that strangers do not reach it each time. */
const EMPTY_TTL_SECONDS = 60;
const MAX_KEYS_PER_CALL = 500;

/** Thrown when the cache's server is not known to be reachable: read the store instead. */
class CacheAwayError extends Error {
  constructor() {
    super('the signals cache is not reachable');
    this.name = 'CacheAwayError';
  }
}

/** What a reader that missed holds: the right to fill the slot, until anybody writes to it. */
export interface RowLease<Ref> {
  ref: Ref;
  token: string;
  runId: string;
  epoch: string;
}

/** What a kind of row is: where it lies and how it is written. The text is a JSON array that begins with the revision. */
interface RowKind<Ref, Row> {
  slotOf: (run: string, ref: Ref) => string;
  leaseOf: (run: string, ref: Ref) => string;
  encode: (row: Row) => string;
  decode: (text: string) => Row;
}

/**
 * Cached rows of one kind. Keys carry the server's run id, and the text of a row ends with the epoch it was written in:
 * rows that survived a restart or a failover are never read again. For up to a second processes may use two epochs of one
 * server side by side: they share slots and leases, so a put in either one still voids what a reader of the other holds.
 */
export function createVersionedCache<Ref extends string, Row extends { revision: number }>(
  { link, ttlSeconds }: { link: RedisLink; ttlSeconds: number },
  { slotOf, leaseOf, encode, decode }: RowKind<Ref, Row>,
) {
  const redis = link.client;

  const here = (): { runId: string; epoch: string } => {
    const [runId, epoch] = [link.runId(), link.epoch()];
    if (runId === null || epoch === null) throw new CacheAwayError();
    return { runId, epoch };
  };
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
    /** The cached row, or null on a miss. Reads of one turn share one MGET. */
    async get(ref: Ref): Promise<Row | null> {
      const { runId, epoch } = here();
      return rowIn(epoch, await read(slotOf(runId, ref)));
    },

    /** After a miss: either a row that came meanwhile, or the lease to fill the slot with. */
    async lease(ref: Ref): Promise<Row | RowLease<Ref>> {
      const { runId, epoch } = here();
      const token = randomUUID();
      const text = await scripts.leaseSignals(
        redis,
        [slotOf(runId, ref), leaseOf(runId, ref)],
        [token, LEASE_MS, epoch],
      );
      return rowIn(epoch, text) ?? { ref, token, runId, epoch };
    },

    /** Fills the slot that the lease was taken for; does nothing when anybody wrote to it since. */
    async refill({ ref, token, runId, epoch }: RowLease<Ref>, row: Row): Promise<void> {
      const ttl = row.revision === 0 ? EMPTY_TTL_SECONDS : ttlSeconds;
      await scripts.refillSignals(redis, [slotOf(runId, ref), leaseOf(runId, ref)], [token, encode(row) + epoch, ttl]);
    },

    /** Puts rows unless the cache holds newer ones. */
    async putNewer(rows: [Ref, Row][]): Promise<void> {
      const { runId, epoch } = here();
      const calls: Promise<number>[] = [];
      for (let at = 0; at < rows.length; at += MAX_KEYS_PER_CALL) {
        const part = rows.slice(at, at + MAX_KEYS_PER_CALL);
        const names = part.flatMap(([ref]) => [slotOf(runId, ref), leaseOf(runId, ref)]);
        calls.push(scripts.putNewerSignals(redis, names, [ttlSeconds, ...part.map(([, row]) => encode(row) + epoch)]));
      }
      await Promise.all(calls);
    },

    /** Empties the slots of rows that the store has no more, and voids the leases of readers that may still have them. */
    async drop(refs: readonly Ref[]): Promise<void> {
      const { runId } = here();
      await Promise.all(refs.map((ref) => redis.del(slotOf(runId, ref), leaseOf(runId, ref))));
    },
  };
}
