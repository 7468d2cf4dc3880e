import { randomUUID } from 'node:crypto';
import { coalesce } from '../concurrency/coalesce';
import { groupBy } from '../domain/group-by';
import type { RedisLink } from '../redis/link';
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
  /** Rows with the same group are on the same server of a Redis Cluster. */
  groupOf: (ref: Ref) => string | number;
  encode: (row: Row) => string;
  decode: (text: string) => Row;
}

/** Does what read-signals.lua does, for an epoch that is known. MGET makes /resolve 5% faster than a script. */
async function readOfEpoch(redis: RedisLink['client'], slots: string[], epoch: string): Promise<(string | null)[]> {
  const texts = await redis.mget(slots);
  return texts.map((text) => (text?.endsWith(epoch) ? text.slice(0, -epoch.length) : null));
}

/**
 * Creates a cache of one kind of row. Keys contain the server's run ID, and the text of each row ends with the epoch in
 * which it was written, so rows that survive a restart or failover are never read. When the epoch of a server changes,
 * processes may use both the old and the new epoch for up to a second. Both epochs share slots and leases, so a put in
 * one epoch also voids leases from the other.
 */
export function createVersionedCache<Ref extends string, Row extends { revision: number }>(
  { link, ttlSeconds }: { link: RedisLink; ttlSeconds: number },
  { slotOf, leaseOf, groupOf, encode, decode }: RowKind<Ref, Row>,
) {
  const redis = link.client;

  const currentServer = (): { runId: string; epoch: string } => {
    const [runId, epoch] = [link.runId(), link.epoch()];
    if (runId === null || epoch === null) throw new CacheUnreachableError();
    return { runId, epoch };
  };
  const namesOf = (run: string, refs: readonly Ref[]): string[] =>
    refs.flatMap((ref) => [slotOf(run, ref), leaseOf(run, ref)]);
  /** Divides items into the parts that one script call may contain. */
  const partsOf = <Item>(items: readonly Item[], refOf: (item: Item) => Ref): Item[][] => {
    const groups = link.layout === 'cluster' ? groupBy(items, (item) => groupOf(refOf(item))) : [items];
    return groups.flatMap((group) => [...pagesOf(group, MAX_KEYS_PER_CALL)]);
  };

  const read = coalesce<{ ref: Ref; runId: string; epoch: string }, string | null>(
    async (batch) => {
      const { epoch } = batch[0]!.item;
      const slots = batch.map(({ item }) => slotOf(item.runId, item.ref));
      const texts = await (link.layout === 'cluster'
        ? scripts.readSignals(redis, slots, [epoch])
        : readOfEpoch(redis, slots, epoch));
      batch.forEach(({ resolve }, n) => resolve(texts[n] ?? null));
    },
    {
      maxItems: MAX_KEYS_PER_CALL,
      keyOf: ({ ref, epoch }) => (link.layout === 'cluster' ? String(groupOf(ref)) : epoch),
    },
  );

  return {
    /** Returns the cached row, or null on a miss. Reads in the same tick share a script call. */
    async get(ref: Ref): Promise<Row | null> {
      const text = await read({ ref, ...currentServer() });
      return text === null ? null : decode(text);
    },

    /** Returns the row if it has been written since the caller's miss. Otherwise, returns a lease to fill the slot. */
    async lease(ref: Ref): Promise<Row | RowLease<Ref>> {
      const { runId, epoch } = currentServer();
      const token = randomUUID();
      const slot: [string, string] = [slotOf(runId, ref), leaseOf(runId, ref)];
      const [leasedIn, text] = await scripts.leaseSignals(redis, slot, [epoch, token, LEASE_MS]);
      return text === undefined ? { ref, token, runId, epoch: leasedIn } : decode(text);
    },

    /** Fills the leased slot. Does nothing if the lease is no longer valid. */
    async refill({ ref, token, runId, epoch }: RowLease<Ref>, row: Row): Promise<void> {
      const ttl = row.revision === 0 ? EMPTY_TTL_SECONDS : ttlSeconds;
      await scripts.refillSignals(redis, [slotOf(runId, ref), leaseOf(runId, ref)], [token, epoch, ttl, encode(row)]);
    },

    /** Takes the right to fill those of the slots that are empty. It expires after 10 s. */
    async fence(refs: readonly Ref[]): Promise<Fence> {
      const { runId, epoch } = currentServer();
      const token = randomUUID();
      const calls = partsOf(refs, (ref) => ref).map((part) =>
        scripts.fenceSignals(redis, namesOf(runId, part), [epoch, token, LEASE_MS]),
      );
      await Promise.all(calls);
      return token;
    },

    /** Writes rows unless the cache has newer ones, or the slot is empty and the fence is no longer valid. */
    async putNewer(rows: readonly [Ref, Row][], fence: Fence): Promise<void> {
      const { runId, epoch } = currentServer();
      const calls = partsOf(rows, ([ref]) => ref).map((part) => {
        const names = namesOf(
          runId,
          part.map(([ref]) => ref),
        );
        const texts = part.map(([, row]) => encode(row));
        return scripts.putNewerSignals(redis, names, [epoch, ttlSeconds, fence, ...texts]);
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
