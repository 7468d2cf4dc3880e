import type { RowLease } from '../../shared/cache/versioned-cache';
import type { ApiContext } from '../context';

type Deps = Pick<ApiContext, 'metrics' | 'log'>;

/** The sources of one kind of row: the cache, and the database behind a circuit breaker. */
export interface RowSource<Ref extends string, Row extends { revision: number }> {
  cache: {
    get(ref: Ref): Promise<Row | null>;
    lease(ref: Ref): Promise<Row | RowLease<Ref>>;
    refill(lease: RowLease<Ref>, row: Row): Promise<void>;
  };
  readStore: (refs: Ref[]) => Promise<Map<Ref, Row>>;
  /** Row to use for a ref that has no row in the database. */
  empty: Row;
}

/** Result of a cache read: a row, a lease to refill the empty slot, or null while the cache is unavailable. */
type Cached<Ref, Row> = Row | RowLease<Ref> | null;

async function readCache<Ref extends string, Row extends { revision: number }>(
  { cache }: RowSource<Ref, Row>,
  ref: Ref,
): Promise<Cached<Ref, Row>> {
  try {
    return (await cache.get(ref)) ?? (await cache.lease(ref));
  } catch {
    return null;
  }
}

/** Returns rows in the order of `refs`. Reads all cache misses from the database in one call, and refills the cache. */
export async function readThrough<Ref extends string, Row extends { revision: number }>(
  { metrics, log }: Deps,
  source: RowSource<Ref, Row>,
  refs: Ref[],
): Promise<{ rows: Row[]; isFromStore: boolean }> {
  const isRow = (cached: Cached<Ref, Row>): cached is Row => cached !== null && 'revision' in cached;
  const cached = await Promise.all(refs.map((ref) => readCache(source, ref)));
  const missing = refs.filter((_, n) => !isRow(cached[n]!));
  metrics.signalsReads.cache.inc(refs.length - missing.length);
  if (missing.length === 0) return { rows: cached as Row[], isFromStore: false };

  const stored = await source.readStore([...new Set(missing)]);
  metrics.signalsReads.store.inc(missing.length);
  const rows = refs.map((ref, n) => {
    const own = cached[n]!;
    if (isRow(own)) return own;
    const row = stored.get(ref) ?? source.empty;
    if (own !== null) {
      source.cache.refill(own, row).catch((error: unknown) => log.debug({ err: error }, 'signals refill failed'));
    }
    return row;
  });
  return { rows, isFromStore: true };
}
