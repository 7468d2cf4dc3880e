import {
  bucketStart,
  countsIn,
  createUsageTally,
  HOUR_MS,
  laterCounts,
  type RequestCounts,
  type UsageRange,
  type UsageSummary,
  type UsageTally,
} from '../domain/usage';
import type { Tenant } from '../domain/ids';
import type { RedisKeys } from '../redis/keys';
import type { RedisLink } from '../redis/link';
import type { Store } from '../store/store';

export interface Usage {
  /** The buckets that have any usage, oldest first. */
  buckets: { atMs: number; usage: UsageSummary }[];
  total: UsageSummary;
}

/** Returns the counts of the hours that are not yet stored. */
async function unstoredHours(
  { link, keys }: { link: RedisLink; keys: RedisKeys },
  tenant: Tenant,
  { fromMs, toMs }: UsageRange,
): Promise<Map<number, RequestCounts>> {
  const hours = (await link.client.smembers(keys.usage(tenant, 'hours')))
    .map(Number)
    .filter((hour) => hour * HOUR_MS >= fromMs && hour * HOUR_MS < toMs);
  const hashes = await Promise.all(hours.map((hour) => link.client.hgetall(keys.usage(tenant, hour))));
  return new Map(hours.map((hour, n) => [hour * HOUR_MS, countsIn(hashes[n]!)]));
}

/** Reads a tenant's usage: stored hours from MongoDB, and requests of the other hours from Redis. */
export async function readUsage(
  deps: { store: Pick<Store, 'usage'>; link: RedisLink; keys: RedisKeys },
  tenant: Tenant,
  range: UsageRange,
): Promise<Usage> {
  // Redis first: an hour that a worker stores meanwhile is then found in at least one of the two.
  const unstored = await unstoredHours(deps, tenant, range);
  const total = createUsageTally();
  const tallies = new Map<number, UsageTally>();
  const tallyAt = (atMs: number): UsageTally => {
    const startMs = bucketStart(atMs, range.bucket);
    let tally = tallies.get(startMs);
    if (!tally) tallies.set(startMs, (tally = createUsageTally()));
    return tally;
  };
  const addRequests = (atMs: number, counts: RequestCounts): void => {
    tallyAt(atMs).addRequests(counts);
    total.addRequests(counts);
  };
  for await (const { at, counts } of deps.store.usage.requests(tenant, range)) {
    const atMs = at.getTime();
    addRequests(atMs, laterCounts(counts, unstored.get(atMs) ?? {}));
    unstored.delete(atMs);
  }
  for (const [atMs, counts] of unstored) if (Object.keys(counts).length > 0) addRequests(atMs, counts);
  for (const { atMs, events } of await deps.store.usage.events(tenant, range)) {
    tallyAt(atMs).addEvents(events);
    total.addEvents(events);
  }
  const buckets = [...tallies].sort(([a], [b]) => a - b).map(([atMs, tally]) => ({ atMs, usage: tally.summary() }));
  return { buckets, total: total.summary() };
}
