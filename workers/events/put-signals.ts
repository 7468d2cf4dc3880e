import type { SignalsCache } from '../../shared/cache/signals-cache';
import type { Log } from '../../shared/log';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import type { Store } from '../../shared/store/store';
import type { GroupResult } from './pending';

interface Deps {
  store: Pick<Store, 'users'>;
  cache: Pick<SignalsCache, 'putNewer'>;
  log: Log;
  signal: AbortSignal;
}

/** Puts what a commit made of its users into the cache, and waits for as long as that is away. */
export async function putSignals({ store, cache, log, signal }: Deps, rows: GroupResult['rows']): Promise<void> {
  let entries = [...rows];
  let failed = false;
  const put = async (): Promise<void> => {
    // The partitions are free by now: while the cache was away others may have put newer rows, and lost them again.
    if (failed) entries = [...(await store.users.rows([...rows.keys()]))];
    failed = true;
    await cache.putNewer(entries);
  };
  await retryUntilAborted(put, { what: 'signals', log, signal });
}
