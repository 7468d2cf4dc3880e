import mongoose from 'mongoose';
import { type Expected, totalOf } from './count';

const CONNECT_TIMEOUT_MS = 10_000;

interface Row {
  _id: string;
  count: number;
  first: Date;
  last: Date;
}

/** A tenant's totals, read directly from MongoDB. */
export interface StoreTotals {
  events: number;
  users: number;
}

/**
 * Checks that each user's events and row in MongoDB match the expected counts and each other. MongoDB contains only
 * keyed hashes of user IDs, so the expected users are matched by their event counts and times.
 */
export async function checkStore(
  mongoUrl: string,
  tenants: { tenant: string; name: string; expected: ReadonlyMap<string, Expected> }[],
): Promise<{ totals: StoreTotals[]; differences: string[] }> {
  const client = new mongoose.mongo.MongoClient(mongoUrl, { serverSelectionTimeoutMS: CONNECT_TIMEOUT_MS });
  try {
    const db = client.db();
    const totals: StoreTotals[] = [];
    const differences: string[] = [];
    for (const { tenant, name, expected } of tenants) {
      const grouped = await db.collection('events').aggregate<Row>(groupByUser(tenant)).toArray();
      const rows = await db.collection('users').aggregate<Row>(rowsOfUsers(tenant)).toArray();
      const events = grouped.reduce((sum, { count }) => sum + count, 0);
      totals.push({ events, users: rows.length });
      const wanted = totalOf(expected);
      if (events !== wanted) differences.push(`${name}: MongoDB has ${events} events, expected ${wanted}`);
      const counted = [...expected.values()].map(({ eventCount, firstAtMs, lastAtMs }) =>
        factOf(eventCount, firstAtMs, lastAtMs),
      );
      differences.push(
        ...compareBags(`${name}: events by user`, grouped.map(factOfRow), counted),
        ...compareBags(`${name}: user rows`, rows.map(factOfRow), counted),
        ...compareBags(
          `${name}: user rows compared with events`,
          rows.map((row) => `${row._id} ${factOfRow(row)}`),
          grouped.map((row) => `${row._id} ${factOfRow(row)}`),
        ),
      );
    }
    return { totals, differences };
  } finally {
    await client.close();
  }
}

function groupByUser(tenant: string): object[] {
  const sums = { count: { $sum: 1 }, first: { $min: '$occurredAt' }, last: { $max: '$occurredAt' } };
  return [{ $match: { tenant } }, { $group: { _id: '$userRef', ...sums } }];
}

function rowsOfUsers(tenant: string): object[] {
  return [{ $match: { tenant } }, { $project: { count: '$eventCount', first: '$firstEventAt', last: '$lastEventAt' } }];
}

function factOf(count: number, firstMs: number, lastMs: number): string {
  return `${count} events from ${new Date(firstMs).toISOString()} to ${new Date(lastMs).toISOString()}`;
}

function factOfRow({ count, first, last }: Row): string {
  return factOf(count, first.getTime(), last.getTime());
}

/** Returns the differences between two multisets. */
export function compareBags(label: string, found: string[], wanted: string[]): string[] {
  const surplus = new Map<string, number>();
  for (const fact of found) surplus.set(fact, (surplus.get(fact) ?? 0) + 1);
  for (const fact of wanted) surplus.set(fact, (surplus.get(fact) ?? 0) - 1);
  return [...surplus].flatMap(([fact, count]) => {
    if (count === 0) return [];
    return count > 0 ? [`${label}: ${count} surplus: ${fact}`] : [`${label}: ${-count} missing: ${fact}`];
  });
}
