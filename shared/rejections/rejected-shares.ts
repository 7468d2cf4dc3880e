import { LRUCache } from 'lru-cache';
import type { Tenant } from '../domain/ids';
import type { Log } from '../log';
import type { Metrics } from '../metrics/metrics';

const WINDOW_MS = 10 * 60_000;
/** Tenants whose events are counted. Those that have sent nothing for the longest time are dropped first. */
const MAX_TENANTS = 10_000;
/** With fewer events in the window, a share says nothing. */
const MIN_EVENTS = 100;
/** A tenant is logged once an hour while its share is above this. */
const LOGGED_PERCENT = 20;
const LOG_EVERY_MS = 3_600_000;
/** The shares above which tenants are counted. */
const REJECTED_PERCENTS = [5, 20, 50] as const;

interface Counts {
  accepted: number;
  rejected: number;
}

interface TenantCounts {
  /** Number of the window that `now` belongs to. */
  window: number;
  now: Counts;
  before: Counts;
  loggedAtMs: number;
}

export interface RejectedShares {
  count(tenant: Tenant, accepted: number, rejected: number): void;
}

const NONE: Counts = { accepted: 0, rejected: 0 };

/**
 * Counts each tenant's accepted and rejected events of the last 10 to 20 minutes in this process. At each scrape,
 * exports how many tenants have large shares of rejected events. The log names them, because no metric names a tenant.
 */
export function createRejectedShares(
  { metrics, log }: { metrics: Pick<Metrics, 'tenantsByRejectedShare'>; log: Log },
  nowMs: () => number = Date.now,
): RejectedShares {
  const tenants = new LRUCache<Tenant, TenantCounts>({ max: MAX_TENANTS });

  const movedTo = (window: number, counts: TenantCounts): TenantCounts => {
    if (counts.window === window) return counts;
    const before = counts.window === window - 1 ? counts.now : NONE;
    return Object.assign(counts, { window, now: { ...NONE }, before });
  };
  const windowAt = (ms: number): number => Math.floor(ms / WINDOW_MS);

  const percentOf = ({ now, before }: TenantCounts): number => {
    const rejected = now.rejected + before.rejected;
    const events = rejected + now.accepted + before.accepted;
    return events < MIN_EVENTS ? 0 : (100 * rejected) / events;
  };

  metrics.tenantsByRejectedShare.onCollect(() => {
    const window = windowAt(nowMs());
    const shares = [...tenants.values()].map((counts) => percentOf(movedTo(window, counts)));
    return REJECTED_PERCENTS.map((over) => ({ over, tenants: shares.filter((share) => share > over).length }));
  });

  return {
    count(tenant, accepted, rejected) {
      const ms = nowMs();
      const known = tenants.get(tenant) ?? { window: 0, now: { ...NONE }, before: NONE, loggedAtMs: -Infinity };
      const counts = movedTo(windowAt(ms), known);
      counts.now.accepted += accepted;
      counts.now.rejected += rejected;
      tenants.set(tenant, counts);
      if (rejected === 0 || ms - counts.loggedAtMs < LOG_EVERY_MS) return;
      const percent = percentOf(counts);
      if (percent <= LOGGED_PERCENT) return;
      counts.loggedAtMs = ms;
      log.warn({ tenant, percent: Math.round(percent) }, 'many events of a partner are rejected');
    },
  };
}
