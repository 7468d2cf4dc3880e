import type { UserRef } from '../../shared/domain/ids';
import { EMPTY_ROW, type SignalsRow } from '../../shared/domain/signals';
import type { SignalsLease } from '../../shared/cache/signals';
import type { ApiContext } from '../context';

export type SignalsSource = 'cache' | 'store';
type Deps = Pick<ApiContext, 'signalsCache' | 'readRows' | 'metrics' | 'log'>;

/** What the cache has of a user: a row, the lease to fill its empty slot, or null while the cache is away. */
type Cached = SignalsRow | SignalsLease | null;

async function readCache({ signalsCache }: Deps, userRef: UserRef): Promise<Cached> {
  try {
    return (await signalsCache.get(userRef)) ?? (await signalsCache.lease(userRef));
  } catch {
    return null;
  }
}

const isRow = (cached: Cached): cached is SignalsRow => cached !== null && 'revision' in cached;

/** Rows of the users, in order: from the cache, the missing ones in one read of the store, which refills the cache. */
export async function readSignals(deps: Deps, refs: UserRef[]): Promise<{ rows: SignalsRow[]; source: SignalsSource }> {
  const cached = await Promise.all(refs.map((ref) => readCache(deps, ref)));
  const missing = refs.filter((_, n) => !isRow(cached[n]!));
  deps.metrics.signalsReads.cache.inc(refs.length - missing.length);
  if (missing.length === 0) return { rows: cached as SignalsRow[], source: 'cache' };

  const stored = await deps.readRows([...new Set(missing)]);
  deps.metrics.signalsReads.store.inc(missing.length);
  const rows = refs.map((ref, n) => {
    const own = cached[n]!;
    if (isRow(own)) return own;
    const row = stored.get(ref) ?? EMPTY_ROW;
    if (own !== null) {
      deps.signalsCache
        .refill(own, row)
        .catch((error: unknown) => deps.log.debug({ err: error }, 'signals refill failed'));
    }
    return row;
  });
  return { rows, source: 'store' };
}
