import { countsIn, HOUR_MS, hourOf } from '../domain/usage';
import { type PartnerId, type Tenant, tenantOf } from '../domain/ids';
import { redisNowMs } from '../redis/clock';
import type { RedisKeys } from '../redis/keys';
import type { RedisLink } from '../redis/link';
import { scripts } from '../redis/scripts';
import type { Store } from '../store/store';

/** Time after the end of an hour at which it is stored, so that most of its requests have finished. */
const STORED_AFTER_MS = 60_000;
/**
 * Time for which Redis keeps a stored hour. Responses that a process adds later, because it had lost the connection, are
 * stored again. Short, because an active tenant has about 0.5 KB per hour.
 */
const KEPT_AFTER_STORING_MS = 6 * HOUR_MS;
const PARTNERS_PER_PAGE = 100;

interface Deps {
  store: Pick<Store, 'usage' | 'partners'>;
  link: RedisLink;
  keys: RedisKeys;
}

/** Stores a tenant's hours that have ended. Returns how many were stored. */
async function storeTenant({ store, link, keys }: Deps, tenant: Tenant, beforeHour: number): Promise<number> {
  const redis = link.client;
  const listed = keys.usage(tenant, 'hours');
  const hours = (await redis.smembers(listed)).map(Number).filter((hour) => hour < beforeHour);
  if (hours.length === 0) return 0;
  const hashes = await Promise.all(hours.map((hour) => redis.hgetall(keys.usage(tenant, hour))));
  const read = hours.map((hour, n) => ({ hour, rev: hashes[n]!['rev'] ?? '', counts: countsIn(hashes[n]!) }));
  const found = read.filter(({ counts }) => Object.keys(counts).length > 0);
  if (found.length > 0) await store.usage.putRequests(tenant, found);
  await Promise.all(
    read.map(({ hour, rev }) =>
      scripts.releaseUsage(redis, [keys.usage(tenant, hour), listed], [hour, rev, KEPT_AFTER_STORING_MS]),
    ),
  );
  return found.length;
}

async function storePage(deps: Deps, partnerIds: readonly PartnerId[], beforeHour: number): Promise<number> {
  const tenants = partnerIds.flatMap((id) => (['live', 'test'] as const).map((env) => tenantOf(id, env)));
  const stored = await Promise.all(tenants.map((tenant) => storeTenant(deps, tenant, beforeHour)));
  return stored.reduce((sum, count) => sum + count, 0);
}

/**
 * Stores the requests of all hours that have ended in MongoDB. Safe to repeat and to run in parallel, because counts
 * only grow and the larger one is kept. `nowMs` is the time by the clock of Redis, by default the current one.
 */
export async function storeUsage(deps: Deps, nowMs?: number): Promise<number> {
  // The clocks of a cluster's servers differ. No request enters an hour that has ended on all of them.
  const now = nowMs ?? Math.min(...(await Promise.all(deps.link.primaries().map(redisNowMs))));
  const beforeHour = hourOf(now - STORED_AFTER_MS);
  let stored = 0;
  let page: PartnerId[] = [];
  for await (const { _id } of deps.store.partners.ids()) {
    if (page.push(_id) < PARTNERS_PER_PAGE) continue;
    stored += await storePage(deps, page, beforeHour);
    page = [];
  }
  return stored + (await storePage(deps, page, beforeHour));
}
