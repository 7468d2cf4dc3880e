import type { IdentityCache, SignalsCache } from '../../shared/cache/signals-cache';
import { EMPTY_ROW } from '../../shared/domain/signals';
import type { CacheOutboxDoc } from '../../shared/store/cache-outbox';
import type { Store } from '../../shared/store/store';

/** Caches the rows that a link change could not cache itself, then deletes the outbox entry. */
export async function refreshRows(
  deps: {
    store: Pick<Store, 'users' | 'memberships' | 'cacheOutbox'>;
    signalsCache: Pick<SignalsCache, 'fence' | 'putNewer'>;
    identityCache: Pick<IdentityCache, 'fence' | 'putNewer' | 'drop'>;
  },
  { _id, userRefs, tenants, identities }: CacheOutboxDoc,
): Promise<void> {
  const { store, signalsCache, identityCache } = deps;
  const fences = await Promise.all([signalsCache.fence(userRefs), identityCache.fence(identities)]);
  const [users, people] = await Promise.all([
    store.users.rows(tenants ?? null, userRefs),
    store.memberships.rows(identities),
  ]);
  await signalsCache.putNewer(
    userRefs.map((ref) => [ref, users.get(ref) ?? EMPTY_ROW]),
    fences[0],
  );
  await identityCache.putNewer([...people], fences[1]);
  // Delete the cached rows of people without links. An empty row has a lower revision, so it would not replace a cached
  // row.
  await identityCache.drop(identities.filter((ref) => !people.has(ref)));
  await store.cacheOutbox.done(_id);
}
