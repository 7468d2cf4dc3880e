import { LRUCache } from 'lru-cache';
import { newId, type Tenant } from '../domain/ids';
import { type Rejection, REJECTED_EVENTS_RETENTION_MS } from '../domain/rejected-event';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { Metrics } from '../metrics/metrics';
import type { RejectedEventDoc } from '../store/rejected-events';
import type { Store } from '../store/store';

const FLUSH_EVERY_MS = 3_000;
/** Maximum number of rows, of all tenants together, that wait for a flush. */
const MAX_WAITING = 10_000;
const MAX_PER_WRITE = 1_000;
/** Maximum number of rows that one tenant can add at once. */
export const MAX_ROWS_AT_ONCE = 1_000;
/**
 * Rate at which a tenant that has used up `MAX_ROWS_AT_ONCE` can add further rows. Limits a tenant to about 100,000 rows
 * per API process in the 7 days for which they are kept.
 */
export const MAX_ROWS_PER_MINUTE = 10;
/** Maximum number of tenants whose rate is tracked. The least recent one starts again with a full allowance. */
const MAX_TENANTS = 10_000;
/** The rows of one request are sorted by a number of this many digits. */
const POSITION_DIGITS = 5;

/** The request that submitted rejected events. */
export interface RejectingRequest {
  tenant: Tenant;
  requestId: string;
  agentId: string | null;
  atMs: number;
}

export interface RejectionRecorder {
  /**
   * Records rejections in memory until the tenant's allowance is used up, and counts the others. `unlisted` is the
   * number of further rejections, of which the caller knows only their number.
   */
  record(request: RejectingRequest, rejections: readonly Rejection[], unlisted?: number): void;
  /** Saves what was recorded. If a write fails, keeps its rows for the next flush. */
  flush(): Promise<void>;
  /** Stops the periodic flushes, then flushes one last time. */
  close(): Promise<void>;
}

interface Allowance {
  rows: number;
  atMs: number;
}

/** Returns a function that takes up to `wanted` rows from a tenant's allowance, and returns how many it took. */
function createAllowances(): (tenant: Tenant, wanted: number) => number {
  const allowances = new LRUCache<Tenant, Allowance>({ max: MAX_TENANTS });
  return (tenant, wanted) => {
    const nowMs = performance.now();
    const before = allowances.get(tenant) ?? { rows: MAX_ROWS_AT_ONCE, atMs: nowMs };
    const refilled = before.rows + ((nowMs - before.atMs) / 60_000) * MAX_ROWS_PER_MINUTE;
    const rows = Math.min(MAX_ROWS_AT_ONCE, refilled);
    const taken = Math.min(wanted, Math.floor(rows));
    allowances.set(tenant, { rows: rows - taken, atMs: nowMs });
    return taken;
  };
}

/** Builds the rows of one request. Lists sort them by position, because they have the same time. */
function rowsOf({ tenant, requestId, agentId, atMs }: RejectingRequest, rejections: Rejection[]): RejectedEventDoc[] {
  const id = newId('rej');
  const rejectedAt = new Date(atMs);
  const expireAt = new Date(atMs + REJECTED_EVENTS_RETENTION_MS);
  return rejections.map(({ index, code, path, eventType }, position) => ({
    // Newest-first lists sort IDs in descending order.
    _id: `${id}_${String(10 ** POSITION_DIGITS - 1 - position).padStart(POSITION_DIGITS, '0')}`,
    tenant,
    rejectedAt,
    requestId,
    index,
    code,
    path,
    eventType,
    agentId,
    expireAt,
  }));
}

/**
 * Collects why events were rejected, and saves it in bulk every 3 s, so that requests do not cause writes. Bounded in
 * total, and per tenant by a rate, so that one tenant's invalid events fill neither the memory nor the database.
 */
export function createRejectionRecorder({
  store,
  log,
  metrics,
}: {
  store: Pick<Store, 'rejectedEvents' | 'omittedRejections'>;
  log: Log;
  metrics: Metrics;
}): RejectionRecorder {
  const take = createAllowances();
  const { recorded, omitted } = metrics.rejections;
  let waiting: RejectedEventDoc[] = [];
  let omittedCounts = new Map<Tenant, number>();
  let writing: Promise<void> | null = null;

  const omit = (tenant: Tenant, count: number): void => {
    const before = omittedCounts.get(tenant);
    if (before === undefined && omittedCounts.size >= MAX_TENANTS) return;
    omittedCounts.set(tenant, (before ?? 0) + count);
  };

  const saveRows = async (): Promise<void> => {
    while (waiting.length > 0) {
      const page = waiting.splice(0, MAX_PER_WRITE);
      try {
        await store.rejectedEvents.insert(page);
      } catch (error) {
        waiting = [...page, ...waiting];
        throw error;
      }
    }
  };

  const saveOmitted = async (): Promise<void> => {
    if (omittedCounts.size === 0) return;
    const counts = omittedCounts;
    omittedCounts = new Map();
    try {
      await store.omittedRejections.add(counts, new Date());
    } catch (error) {
      for (const [tenant, count] of counts) omit(tenant, count);
      throw error;
    }
  };

  const write = async (): Promise<void> => {
    try {
      await saveRows();
      await saveOmitted();
    } catch (error) {
      log.warn({ err: messageOf(error), rows: waiting.length }, 'saving rejected events failed, retrying');
    }
  };

  const flush = (): Promise<void> =>
    (writing ??= write().finally(() => {
      writing = null;
    }));

  const timer = setInterval(() => void flush(), FLUSH_EVERY_MS);
  timer.unref();
  return {
    record: (request, rejections, unlisted = 0) => {
      const room = Math.max(0, MAX_WAITING - waiting.length);
      const taken = take(request.tenant, Math.min(rejections.length, room));
      if (taken > 0) waiting.push(...rowsOf(request, rejections.slice(0, taken)));
      const left = rejections.length - taken + unlisted;
      if (left > 0) omit(request.tenant, left);
      recorded.inc(taken);
      omitted.inc(left);
    },
    flush,
    close: async () => {
      clearInterval(timer);
      await writing;
      await flush();
    },
  };
}
