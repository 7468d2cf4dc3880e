import type { Tenant } from './ids';
import type { OutcomeCounts } from './receipt';

export const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 13 months. */
export const USAGE_RETENTION_DAYS = 397;
export const USAGE_RETENTION_MS = USAGE_RETENTION_DAYS * DAY_MS;

export const USAGE_BUCKETS = ['hour', 'day'] as const;
export type UsageBucket = (typeof USAGE_BUCKETS)[number];
const BUCKET_MS: Record<UsageBucket, number> = { hour: HOUR_MS, day: DAY_MS };
/** Maximum range of one request. */
export const MAX_USAGE_DAYS: Record<UsageBucket, number> = { hour: 31, day: USAGE_RETENTION_DAYS };
/** Range if `from` is not given. */
export const DEFAULT_USAGE_DAYS: Record<UsageBucket, number> = { hour: 1, day: 30 };

/** A request as usage counts it. */
export interface CountedRequest {
  /** The tag of its route, in lowercase. */
  group: string;
  /**
   * Set once the request's key is known. `atMs` is the time on the partner's clock at which the authorization script
   * counted the request. Null if the script has not counted it, because it was rejected or authorized without Redis.
   */
  entered: { tenant: Tenant; atMs: number | null } | null;
  /** Number of events that were rejected one by one. */
  rejectedEvents: number;
}

export function newCountedRequest(group: string): CountedRequest {
  return { group, entered: null, rejectedEvents: 0 };
}

/** Returns the number of an hour since 1970. */
export function hourOf(atMs: number): number {
  return Math.floor(atMs / HOUR_MS);
}

/**
 * Counts of one hour by field, in Redis and MongoDB. Only grow, so the larger of two values is the later one. The number
 * of fields is bounded by the routes, statuses and problem codes that exist.
 */
export type RequestCounts = Record<string, number>;

const ENTERED = 'in:';
const FINISHED = 'out:';
export const REJECTED_EVENTS_FIELD = 'rejected';

/** The field that authorize.lua increments when a request enters. */
export function enteredField(group: string): string {
  return ENTERED + group;
}

/** The field for responses with a status and, if it is a problem, a code. */
export function finishedField(group: string, status: number, code: string | null): string {
  return `${FINISHED}${group}:${status}:${code ?? ''}`;
}

/** Returns the counts in a Redis hash, without its other fields. */
export function countsIn(hash: Readonly<Record<string, string>>): RequestCounts {
  const isCount = (field: string): boolean =>
    field.startsWith(ENTERED) || field.startsWith(FINISHED) || field === REJECTED_EVENTS_FIELD;
  return Object.fromEntries(
    Object.entries(hash).flatMap(([field, count]) => (isCount(field) ? [[field, Number(count)] as const] : [])),
  );
}

/** Merges two readings of the same hour. */
export function laterCounts(a: RequestCounts, b: RequestCounts): RequestCounts {
  const merged = { ...a };
  for (const [field, count] of Object.entries(b)) merged[field] = Math.max(merged[field] ?? 0, count);
  return merged;
}

/** Number of accepted events by outcome. */
export interface EventUsage extends OutcomeCounts {
  persisted: number;
}

export const NO_EVENT_USAGE: EventUsage = { persisted: 0, duplicates: 0, conflicts: 0, failed: 0, erased: 0 };

const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx'] as const;
type StatusClass = (typeof STATUS_CLASSES)[number];

interface GroupUsage {
  group: string;
  total: number;
  byStatusClass: Record<StatusClass, number>;
  unfinished: number;
}

/** The usage of a bucket, or the totals of several. */
export interface UsageSummary {
  events: EventUsage & { rejected: number };
  /** By group, in alphabetical order. */
  requests: GroupUsage[];
  /** By code, in alphabetical order. */
  rejections: { code: string; status: number; requests: number }[];
}

export interface UsageTally {
  addEvents(events: EventUsage): void;
  /** Adds the counts of one hour. */
  addRequests(counts: RequestCounts): void;
  summary(): UsageSummary;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Sums up counts. A request that entered and has not finished is `unfinished`. */
export function createUsageTally(): UsageTally {
  const events = { ...NO_EVENT_USAGE, rejected: 0 };
  const groups = new Map<string, GroupUsage>();
  const rejections = new Map<string, UsageSummary['rejections'][number]>();
  const groupOf = (group: string): GroupUsage => {
    const known = groups.get(group);
    if (known) return known;
    const created = { group, total: 0, byStatusClass: { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 }, unfinished: 0 };
    groups.set(group, created);
    return created;
  };
  const addFinished = (group: string, status: number, code: string, count: number): void => {
    const usage = groupOf(group);
    usage.total += count;
    const statusClass = `${Math.floor(status / 100)}xx`;
    if (statusClass in usage.byStatusClass) usage.byStatusClass[statusClass as StatusClass] += count;
    if (code === '') return;
    const key = `${code} ${status}`;
    const rejection = rejections.get(key) ?? { code, status, requests: 0 };
    rejection.requests += count;
    rejections.set(key, rejection);
  };
  return {
    addEvents: (added) => {
      for (const outcome of Object.keys(added) as (keyof EventUsage)[]) events[outcome] += added[outcome];
    },
    addRequests: (counts) => {
      const open = new Map<string, number>();
      const add = (group: string, count: number): void => void open.set(group, (open.get(group) ?? 0) + count);
      for (const [field, count] of Object.entries(counts)) {
        const [kind, group = '', status = '', code = ''] = field.split(':');
        if (field === REJECTED_EVENTS_FIELD) events.rejected += count;
        else if (`${kind}:` === ENTERED) add(group, count);
        else if (`${kind}:` === FINISHED) {
          add(group, -count);
          addFinished(group, Number(status), code, count);
        }
      }
      for (const [group, count] of open) {
        // Negative if Redis has lost counts.
        if (count <= 0) continue;
        groupOf(group).unfinished += count;
        groupOf(group).total += count;
      }
    },
    summary: () => ({
      events,
      requests: [...groups.values()].sort((a, b) => byName(a.group, b.group)),
      rejections: [...rejections.values()].sort((a, b) => byName(a.code, b.code) || a.status - b.status),
    }),
  };
}

/** A range of whole buckets, in UTC. `toMs` is exclusive. */
export interface UsageRange {
  fromMs: number;
  toMs: number;
  bucket: UsageBucket;
}

/** Returns the start of the bucket that contains a time. */
export function bucketStart(atMs: number, bucket: UsageBucket): number {
  return atMs - (atMs % BUCKET_MS[bucket]);
}

/**
 * Returns the range of whole buckets that contains the given times. By default, the range ends now. `problem` is set if
 * the range is empty or too long.
 */
export function usageRangeOf(
  { from, to, bucket }: { from?: string | undefined; to?: string | undefined; bucket: UsageBucket },
  nowMs: number,
): { range: UsageRange; problem: string | null } {
  const sizeMs = BUCKET_MS[bucket];
  const endMs = to === undefined ? nowMs : Date.parse(to);
  const beginMs = from === undefined ? endMs - DEFAULT_USAGE_DAYS[bucket] * DAY_MS : Date.parse(from);
  const range = { fromMs: bucketStart(beginMs, bucket), toMs: Math.ceil(endMs / sizeMs) * sizeMs, bucket };
  const maxDays = MAX_USAGE_DAYS[bucket];
  const isTooLong = endMs - beginMs > maxDays * DAY_MS;
  const problem =
    beginMs >= endMs
      ? 'Must be before `to`, which is the current time by default.'
      : isTooLong
        ? `Must be at most ${maxDays} days before \`to\` for buckets of one ${bucket}.`
        : null;
  return { range, problem };
}
