import type { SignalsCache } from '../../shared/cache/signals-cache';
import type { Fence } from '../../shared/cache/versioned-cache';
import type { Tenant, UserRef } from '../../shared/domain/ids';
import type { Log } from '../../shared/log';
import { retryUntilAborted } from '../../shared/concurrency/retry';
import type { Store } from '../../shared/store/store';
import type { GroupResult } from './pending';

interface Deps {
  store: Pick<Store, 'users'>;
  cache: Pick<SignalsCache, 'fence' | 'putNewer'>;
  log: Log;
  signal: AbortSignal;
}

/** Reads the users' rows and puts them into the cache. */
async function refresh({ store, cache }: Deps, tenants: readonly Tenant[], refs: UserRef[]): Promise<void> {
  const fence = await cache.fence(refs);
  await cache.putNewer([...(await store.users.rows(tenants, refs))], fence);
}

/** Reads the rows of users of `tenants` and puts them into the cache. Retries until it succeeds or `signal` is aborted. */
export async function refreshSignals(deps: Deps, tenants: readonly Tenant[], refs: UserRef[]): Promise<void> {
  const { log, signal } = deps;
  await retryUntilAborted(() => refresh(deps, tenants, refs), { what: 'signals', log, signal });
}

/** Puts committed rows of users of `tenants` into the cache. Retries until it succeeds or `signal` is aborted. */
export async function putSignals(
  deps: Deps,
  tenants: readonly Tenant[],
  rows: GroupResult['rows'],
  fence: Fence,
): Promise<void> {
  const { cache, log, signal } = deps;
  let failed = false;
  const put = async (): Promise<void> => {
    // For a retry, read the rows again. The partitions are free by then, so other commits may have cached newer rows
    // that the cache lost during the outage.
    if (failed) return refresh(deps, tenants, [...rows.keys()]);
    failed = true;
    await cache.putNewer([...rows], fence);
  };
  await retryUntilAborted(put, { what: 'signals', log, signal });
}
