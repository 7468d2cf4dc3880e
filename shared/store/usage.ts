import { type ClientSession, type Connection, Schema } from 'mongoose';
import {
  hourOf,
  HOUR_MS,
  type EventUsage,
  type RequestCounts,
  USAGE_RETENTION_MS,
  type UsageRange,
} from '../domain/usage';
import type { Tenant } from '../domain/ids';
import { LIST_TIMEOUT_MS } from './list-page';
import { tenantRouting } from './routing';
import { streamOf } from './stream';

/**
 * Usage of a tenant in one hour: its accepted events by outcome, in one row per slot, or its requests, in one row. An
 * event counts in the hour in which MIR received it.
 */
export interface UsageDoc extends Partial<EventUsage> {
  _id: string;
  tenant: Tenant;
  kind: 'events' | 'requests';
  /** Start of the hour. */
  at: Date;
  counts?: RequestCounts;
  expireAt: Date;
}

/** What a transaction adds to a tenant's events of one hour. Negative if outcomes have changed. */
export interface EventUsageChange {
  tenant: Tenant;
  at: Date;
  events: EventUsage;
}

/** Large enough for a month of hours, small enough that a batch does not block the process. */
const ROWS_PER_BATCH = 500;

const schema = new Schema<UsageDoc>(
  {
    _id: String,
    tenant: String,
    kind: String,
    at: Date,
    persisted: Number,
    duplicates: Number,
    conflicts: Number,
    failed: Number,
    erased: Number,
    counts: Schema.Types.Mixed,
    expireAt: Date,
  },
  { collection: 'usage', versionKey: false, strict: 'throw' },
);
schema.index({ tenant: 1, kind: 1, at: 1 });
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

/** Returns the start of the hour that contains a time. */
export function startOfHour(at: Date): Date {
  return new Date(hourOf(at.getTime()) * HOUR_MS);
}

const idOf = (tenant: Tenant, at: Date, part: string): string => `${tenant}|${at.toISOString().slice(0, 13)}|${part}`;

export function usageStore(connection: Connection) {
  const model = connection.model<UsageDoc>('Usage', schema);
  const collection = connection.collection<UsageDoc>(model.collection.collectionName);

  const routing = tenantRouting(connection);
  const rowOf = (tenant: Tenant, kind: UsageDoc['kind'], at: Date, part: string) => {
    const route = routing([tenant]);
    const inserted = { kind, at, expireAt: new Date(at.getTime() + USAGE_RETENTION_MS) };
    return {
      filter: { _id: idOf(tenant, at, part), ...route },
      upsert: true,
      // An upsert sets the fields of its filter.
      inserted: 'tenant' in route ? inserted : { ...inserted, tenant },
    };
  };
  const inRange = (tenant: Tenant, kind: UsageDoc['kind'], { fromMs, toMs }: Pick<UsageRange, 'fromMs' | 'toMs'>) => ({
    tenant,
    kind,
    at: { $gte: new Date(fromMs), $lt: new Date(toMs) },
  });
  return {
    model,

    /** Adds to events by outcome, in the transaction that changes their receipts. */
    async addEvents(changes: readonly EventUsageChange[], slot: number, session: ClientSession): Promise<void> {
      if (changes.length === 0) return;
      const writes = changes.map(({ tenant, at, events }) => {
        const { filter, upsert, inserted } = rowOf(tenant, 'events', at, `events${slot}`);
        return { updateOne: { filter, update: { $inc: { ...events }, $setOnInsert: inserted }, upsert } };
      });
      await collection.bulkWrite(writes, { session, ordered: true });
    },

    /** Stores a tenant's requests of whole hours. Counts only grow, so an older reading changes nothing. */
    async putRequests(tenant: Tenant, hours: readonly { hour: number; counts: RequestCounts }[]): Promise<void> {
      const writes = hours.map(({ hour, counts }) => {
        const { filter, upsert, inserted } = rowOf(tenant, 'requests', new Date(hour * HOUR_MS), 'requests');
        const largest = Object.fromEntries(Object.entries(counts).map(([field, count]) => [`counts.${field}`, count]));
        return { updateOne: { filter, update: { $max: largest, $setOnInsert: inserted }, upsert } };
      });
      await collection.bulkWrite(writes, { ordered: false });
    },

    /** Returns a tenant's events by outcome, for each bucket that has any. */
    async events(tenant: Tenant, range: UsageRange): Promise<{ atMs: number; events: EventUsage }[]> {
      const sums = Object.fromEntries(
        (['persisted', 'duplicates', 'conflicts', 'failed', 'erased'] as const).map(
          (outcome) => [outcome, { $sum: `$${outcome}` }] as const,
        ),
      );
      const rows = await collection
        .aggregate<{ _id: Date } & EventUsage>(
          [
            { $match: inRange(tenant, 'events', range) },
            { $group: { _id: { $dateTrunc: { date: '$at', unit: range.bucket } }, ...sums } },
          ],
          { maxTimeMS: LIST_TIMEOUT_MS, readPreference: 'primary' },
        )
        .toArray();
      return rows.map(({ _id, ...events }) => ({ atMs: _id.getTime(), events }));
    },

    /** Streams a tenant's stored requests by hour, oldest first. */
    requests(
      tenant: Tenant,
      range: Pick<UsageRange, 'fromMs' | 'toMs'>,
    ): AsyncIterable<Required<Pick<UsageDoc, 'at' | 'counts'>>> {
      return streamOf(model, inRange(tenant, 'requests', range), {
        projection: { at: 1, counts: 1 },
        sort: { at: 1 },
        maxTimeMS: LIST_TIMEOUT_MS,
        batchSize: ROWS_PER_BATCH,
      });
    },
  };
}
