import type { Model, mongo } from 'mongoose';

/**
 * Maximum number of rows that reading one page examines. If a filter that no index covers matches few of these rows,
 * the page contains fewer rows than its limit, possibly none.
 */
export const MAX_ROWS_EXAMINED = 2_000;
/** Time limit for each query that reads a page, in ms. The server enforces it, so that a slow query does not pile up. */
export const LIST_TIMEOUT_MS = 5_000;
/**
 * Growth of the queries of a filtered page. The first query examines as many rows as the page can contain, in case all
 * of them match. If too few do, each further query examines more rows. A page with the default limit takes at most three
 * queries.
 */
const WINDOW_GROWTH = 10;

/** Sorts after every other character. */
const LAST_CHARACTER = '\u{10FFFF}';

/** Returns the condition that a text starts with another one, which an index on the field serves. */
export function startsWith(text: string): { $gte: string; $lt: string } {
  return { $gte: text, $lt: text + LAST_CHARACTER };
}

/** The time (in ms) and the ID of a row. Lists are sorted by time, then by ID. */
export interface Position {
  atMs: number;
  id: string;
}

export interface ListPage<Row> {
  rows: Row[];
  /** Position after which the next page starts. Null if there are no more rows. */
  next: Position | null;
  /** Number of rows examined, up to the maximum. */
  examined: number;
}

/** Compares positions in the order of a list with the newest rows first. */
export function newestFirst(a: Position, b: Position): number {
  return b.atMs - a.atMs || (a.id === b.id ? 0 : a.id < b.id ? 1 : -1);
}

/**
 * Merges pages of different lists into a page of all their rows, newest first. The page ends where the first of the
 * pages ends, because its list may continue with rows that precede the others'.
 */
export function mergePages<Row>(
  pages: readonly ListPage<Row>[],
  limit: number,
  positionOf: (row: Row) => Position,
): ListPage<Row> {
  const [end = null] = pages.flatMap(({ next }) => next ?? []).sort(newestFirst);
  const rows = pages
    .flatMap((page) => page.rows)
    .filter((row) => end === null || newestFirst(positionOf(row), end) <= 0)
    .sort((a, b) => newestFirst(positionOf(a), positionOf(b)));
  const shown = rows.slice(0, limit);
  const examined = pages.reduce((sum, page) => sum + page.examined, 0);
  return { rows: shown, next: rows.length > limit ? positionOf(shown.at(-1)!) : end, examined };
}

/**
 * Pays for rows that were examined. Resolves to false once the caller's budget is exhausted. With 0 rows, only returns
 * that.
 */
export type PayForRows = (rows: number) => Promise<boolean>;

interface ListQuery {
  /** The time field that the list is sorted by. */
  time: string;
  /** 1 for oldest first. Default: newest first. */
  direction?: 1 | -1;
  /** The index is in the opposite order, so that one index serves a list in both orders. */
  backwards?: boolean;
  /**
   * Conditions on the fields that precede the time in an index. The index must consist of these fields, the time and
   * the ID, in this order. Keys that are undefined are not allowed.
   */
  indexed: Record<string, unknown>;
  /** A condition that all rows meet, by which a sharded cluster finds their shard. */
  routing?: object;
  /** Conditions that the index does not cover. */
  filter?: Record<string, unknown>;
  /** The index to use, if the list has the opposite direction of the index. */
  hint?: Readonly<Record<string, 1 | -1>>;
  fromMs?: number | undefined;
  toMs?: number | undefined;
  projection?: Record<string, 1>;
  after: Position | null;
  limit: number;
  maxExamined?: number;
  /** Called after each query. The page ends early if it resolves to false. */
  pay?: PayForRows | undefined;
}

/** Returns the key of the index that serves a list. Also used as a hint, so that no planner chooses another index. */
export function indexKeyOf({
  indexed,
  time,
  direction = -1,
  backwards = false,
}: Pick<ListQuery, 'indexed' | 'time' | 'direction' | 'backwards'>) {
  const equal = Object.keys(indexed).map((field) => [field, 1] as const);
  const order = backwards ? -direction : direction;
  return Object.fromEntries([...equal, [time, order], ['_id', order]]) as Record<string, 1 | -1>;
}

/** Returns the condition on the time, or no condition if the list is unbounded. */
export function boundsOf({ time, fromMs, toMs }: Pick<ListQuery, 'time' | 'fromMs' | 'toMs'>): Record<string, unknown> {
  if (fromMs === undefined && toMs === undefined) return {};
  const from = fromMs === undefined ? {} : { $gte: new Date(fromMs) };
  const to = toMs === undefined ? {} : { $lt: new Date(toMs) };
  return { [time]: { ...from, ...to } };
}

/**
 * Returns the index ranges after a position, in order: the rows with the same time, then all later rows. A single
 * condition for both would make the server examine every row with that time again, and a batch stores thousands of
 * events with the same time.
 */
export function rangesAfter(
  query: Pick<ListQuery, 'time' | 'direction' | 'fromMs' | 'toMs'>,
  after: Position | null,
): Record<string, unknown>[] {
  if (!after) return [boundsOf(query)];
  const { time, direction = -1, fromMs = -Infinity, toMs = Infinity } = query;
  const at = new Date(after.atMs);
  const operator = direction === -1 ? '$lt' : '$gt';
  const tied = { [time]: at, _id: { [operator]: after.id } };
  const rest =
    direction === -1
      ? boundsOf({ ...query, toMs: Math.min(toMs, after.atMs) })
      : { [time]: { ...(boundsOf(query)[time] as object | undefined), $gt: at } };
  return after.atMs >= fromMs && after.atMs < toMs ? [tied, rest] : [rest];
}

interface Scanned<Row> {
  /** Rows that match the filter, up to the number wanted. */
  rows: Row[];
  examined: number;
  /** The last row examined. Only set if `size` rows were examined. */
  last: mongo.BSON.Document | undefined;
}

/** Examines up to `size` rows of one index range. */
async function scan<Row>(
  { collection }: Pick<Model<never>, 'collection'>,
  query: ListQuery,
  range: Record<string, unknown>,
  size: number,
  wanted: number,
): Promise<Scanned<Row>> {
  const { time, direction = -1, indexed, routing, filter, projection } = query;
  const sort = { [time]: direction, _id: direction };
  const options = { hint: query.hint ?? indexKeyOf(query), maxTimeMS: LIST_TIMEOUT_MS };
  const match = { ...indexed, ...routing, ...range };
  if (!filter) {
    const rows = await collection
      .find(match, { ...options, sort, limit: size, ...(projection ? { projection } : {}) })
      .toArray();
    return { rows: rows as Row[], examined: rows.length, last: rows[size - 1] };
  }
  // One command returns the matching rows and the end of the scan, so that a concurrent insertion or deletion cannot
  // move the end. The limit comes before the filter, so the filter cannot make the server examine more rows.
  const [found] = await collection
    .aggregate<{ rows: Row[]; last: mongo.BSON.Document[]; examined: { count: number }[] }>(
      [
        { $match: match },
        { $sort: sort },
        { $limit: size },
        {
          $facet: {
            rows: [{ $match: filter }, { $limit: wanted }, ...(projection ? [{ $project: projection }] : [])],
            last: [{ $skip: size - 1 }, { $project: { [time]: 1 } }],
            examined: [{ $count: 'count' }],
          },
        },
      ],
      options,
    )
    .toArray();
  return { rows: found!.rows, examined: found!.examined[0]?.count ?? 0, last: found!.last[0] };
}

/**
 * Reads a page of a list in the order of its index, starting after `after`. Examines at most `maxExamined` rows. A page
 * can therefore contain fewer rows than `limit` even if `next` is set.
 */
export async function listPage<Row extends { _id: string }>(
  model: Pick<Model<never>, 'collection'>,
  query: ListQuery,
): Promise<ListPage<Row>> {
  const { time, filter, after, limit, maxExamined = MAX_ROWS_EXAMINED, pay } = query;
  const positionOf = (row: mongo.BSON.Document): Position => ({
    atMs: (row[time] as Date).getTime(),
    id: String(row['_id']),
  });
  const rows: Row[] = [];
  let examined = 0;
  let next = after;
  let ranges = rangesAfter(query, after);
  let window = limit + 1;
  // Reads one row more than the page contains, which shows whether another page follows.
  while (ranges.length > 0 && rows.length <= limit && examined < maxExamined) {
    const wanted = limit + 1 - rows.length;
    const size = Math.min(filter ? window : wanted, maxExamined - examined);
    const found = await scan<Row>(model, query, ranges[0]!, size, wanted);
    rows.push(...found.rows);
    examined += found.examined;
    const isPaid = !pay || (await pay(found.examined));
    if (found.last) {
      next = positionOf(found.last);
      ranges = rangesAfter(query, next);
      window *= WINDOW_GROWTH;
      if (!isPaid) break;
    } else ranges = ranges.slice(1);
  }
  if (rows.length > limit) {
    const shown = rows.slice(0, limit);
    return { rows: shown, next: positionOf(shown.at(-1)!), examined };
  }
  return { rows, next: ranges.length > 0 ? next : null, examined };
}
