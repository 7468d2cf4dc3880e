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

/** Puts the committed rows into the cache. Retries until it succeeds or `signal` is aborted. */
export async function putSignals({ store, cache, log, signal }: Deps, rows: GroupResult['rows']): Promise<void> {
  let entries = [...rows];
  let failed = false;
  const put = async (): Promise<void> => {
    // Before a retry, read the rows again. The partitions are free by then, so other commits may have cached newer rows
    // that the cache lost during the outage.
    if (failed) entries = [...(await store.users.rows([...rows.keys()]))];
    failed = true;
    await cache.putNewer(entries);
  };
  await retryUntilAborted(put, { what: 'signals', log, signal });
}
