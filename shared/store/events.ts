import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChunkId, EventId, Tenant, UserRef } from '../domain/ids';
import { pagesOf } from './pages-of';
import { streamOf } from './stream';

/**
 * A persisted event. `chunkId` and `index` identify its submission, so a retried job recognizes the events that it has
 * already stored and reports them as PERSISTED.
 */
export interface EventDoc {
  _id: EventId;
  tenant: Tenant;
  userRef: UserRef;
  eventType: string;
  occurredAt: Date;
  receivedAt: Date;
  weight: number;
  metadata?: Record<string, unknown>;
  agentId?: string;
  chunkId: ChunkId;
  index: number;
  fingerprint?: string;
}

export type ExistingEvent = Pick<
  EventDoc,
  '_id' | 'chunkId' | 'index' | 'fingerprint' | 'userRef' | 'receivedAt' | 'agentId'
>;

/** Number of events that the requested users of one tenant had in one month (YYYY-MM, UTC). */
export interface MonthCount {
  tenant: Tenant;
  month: string;
  count: number;
}

/**
 * Limits how long counting can delay a page that a person is waiting for. If counting takes longer, the page omits the
 * chart.
 */
const COUNT_TIMEOUT_MS = 3_000;
const STREAM_BATCH = 500;

/** The `receivedAt` (in ms) and the ID of the last item on a page. */
export interface EventsCursor {
  receivedAtMs: number;
  eventId: string;
}

export interface EventsFilter {
  userRef?: UserRef;
  eventType?: string;
  agentId?: string;
  /** The receipt's chunks, their common `receivedAt` (indexed), and the receipt's slot if it shares a chunk. */
  receipt?: { chunkIds: ChunkId[]; slot: number | null; receivedAtMs: number };
  fromMs?: number;
  toMs?: number;
}

const schema = new Schema<EventDoc>(
  {
    _id: String,
    tenant: String,
    userRef: String,
    eventType: String,
    occurredAt: Date,
    receivedAt: Date,
    weight: Number,
    metadata: Schema.Types.Mixed,
    agentId: String,
    chunkId: String,
    index: Number,
    fingerprint: String,
  },
  { collection: 'events', versionKey: false, strict: 'throw', minimize: false },
);
schema.index({ tenant: 1, receivedAt: -1, _id: -1 });
schema.index({ tenant: 1, userRef: 1, receivedAt: -1, _id: -1 });
schema.index({ tenant: 1, eventType: 1, receivedAt: -1, _id: -1 });
schema.index(
  { tenant: 1, agentId: 1, receivedAt: -1, _id: -1 },
  { partialFilterExpression: { agentId: { $exists: true } } },
);

export function eventsStore(connection: Connection) {
  const model = connection.model<EventDoc>('Event', schema);
  const collection = connection.collection<EventDoc>(model.collection.collectionName);
  return {
    model,

    /** Returns the events that are already stored under any of `ids`. */
    async existing(ids: EventId[], session: ClientSession): Promise<ExistingEvent[]> {
      const projection = { chunkId: 1, index: 1, fingerprint: 1, userRef: 1, receivedAt: 1, agentId: 1 };
      return collection.find<ExistingEvent>({ _id: { $in: ids } }, { session, projection }).toArray();
    },

    /**
     * Inserts events in operations of at most `docsPerOperation`, through the driver, because mongoose is slow at bulk
     * inserts. Throws on a duplicate ID.
     */
    async insert(events: EventDoc[], session: ClientSession, docsPerOperation: number): Promise<void> {
      for (const page of pagesOf(events, docsPerOperation))
        await collection.insertMany(page, { session, ordered: true });
    },

    /** Deletes events that are covered by their user's erasure, so that their idempotency keys can be reused. */
    async remove(ids: EventId[], session: ClientSession): Promise<void> {
      await collection.deleteMany({ _id: { $in: ids } }, { session });
    },

    /**
     * Deletes up to `limit` events of a user that were received no later than `through`. Returns the numbers of events
     * found and deleted. Does not delete an event that a concurrent commit has just stored under the same ID.
     */
    async erasePage(
      tenant: Tenant,
      userRef: UserRef,
      through: Date,
      limit: number,
    ): Promise<{ found: number; erased: number }> {
      const receivedAt = { $lte: through };
      const page = await model
        .find({ tenant, userRef, receivedAt }, { _id: 1 })
        .sort({ receivedAt: -1, _id: -1 })
        .limit(limit)
        .lean<Pick<EventDoc, '_id'>[]>();
      if (page.length === 0) return { found: 0, erased: 0 };
      const ids = page.map(({ _id }) => _id);
      const { deletedCount: erased } = await model.deleteMany({ _id: { $in: ids }, userRef, receivedAt });
      return { found: page.length, erased };
    },

    /** Returns when the user's newest event was received, or null if the user has no events. */
    async newestReceivedAt(tenant: Tenant, userRef: UserRef, session: ClientSession): Promise<Date | null> {
      const newest = await model
        .findOne({ tenant, userRef }, { receivedAt: 1 })
        .sort({ receivedAt: -1, _id: -1 })
        .session(session)
        .lean<Pick<EventDoc, 'receivedAt'>>();
      return newest?.receivedAt ?? null;
    },

    /** Returns a page of events, most recently received first. Each filter has its own index. */
    async list(tenant: Tenant, filter: EventsFilter, after: EventsCursor | null, limit: number): Promise<EventDoc[]> {
      // Equality conditions stay at the top level: inside $and, some query planners miss the partial index.
      const equal: Record<string, unknown> = { tenant };
      const conditions: Record<string, unknown>[] = [];
      const { receipt } = filter;
      if (filter.userRef) equal['userRef'] = filter.userRef;
      if (filter.eventType) equal['eventType'] = filter.eventType;
      if (filter.agentId) equal['agentId'] = filter.agentId;
      if (receipt) {
        conditions.push({ receivedAt: new Date(receipt.receivedAtMs), chunkId: { $in: receipt.chunkIds } });
        if (receipt.slot !== null) conditions.push({ index: receipt.slot });
      }
      if (filter.fromMs !== undefined) conditions.push({ receivedAt: { $gte: new Date(filter.fromMs) } });
      if (filter.toMs !== undefined) conditions.push({ receivedAt: { $lt: new Date(filter.toMs) } });
      if (after) {
        const at = new Date(after.receivedAtMs);
        conditions.push({
          receivedAt: { $lte: at },
          $or: [{ receivedAt: { $lt: at } }, { receivedAt: at, _id: { $lt: after.eventId } }],
        });
      }
      return model
        .find({ ...equal, ...(conditions.length > 0 ? { $and: conditions } : {}) })
        .sort({ receivedAt: -1, _id: -1 })
        .limit(limit)
        .lean<EventDoc[]>();
    },

    /** Counts users' events by month of `occurredAt`, starting at `from`. Scans every event of these users. */
    async countByMonth(users: { tenant: Tenant; userRef: UserRef }[], from: Date): Promise<MonthCount[]> {
      const tenants = [...new Set(users.map(({ tenant }) => tenant))];
      const rows = await collection
        .aggregate<{ _id: Omit<MonthCount, 'count'>; count: number }>(
          [
            {
              $match: {
                tenant: { $in: tenants },
                userRef: { $in: users.map(({ userRef }) => userRef) },
                occurredAt: { $gte: from },
              },
            },
            { $project: { tenant: 1, month: { $dateToString: { date: '$occurredAt', format: '%Y-%m' } } } },
            { $group: { _id: { tenant: '$tenant', month: '$month' }, count: { $sum: 1 } } },
          ],
          { maxTimeMS: COUNT_TIMEOUT_MS },
        )
        .toArray();
      return rows.map(({ _id, count }) => ({ ..._id, count }));
    },

    /** Streams a user's events, most recently received first. */
    ofUser(tenant: Tenant, userRef: UserRef): AsyncIterable<EventDoc> {
      return streamOf(model, { tenant, userRef }, { sort: { receivedAt: -1, _id: -1 }, batchSize: STREAM_BATCH });
    },

    async get(tenant: Tenant, eventId: string): Promise<EventDoc | null> {
      return model.findOne({ _id: eventId as EventId, tenant }).lean<EventDoc>();
    },
  };
}
