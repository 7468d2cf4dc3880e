import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChunkId, EventId, Tenant, UserRef } from '../domain/ids';
import { LIST_TIMEOUT_MS, type ListPage, listPage, mergePages, type PayForRows, type Position } from './list-page';
import { pagesOf, batchSizeFor } from './pages-of';
import { tenantRouting } from './routing';
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
  /** The agent's ancestors, root first. Absent for a root agent, and on events that earlier versions stored. */
  agentAncestors?: string[];
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

export interface EventsFilter {
  userRef?: UserRef;
  eventType?: string;
  agentId?: string;
  /** The receipt's chunks, their common `receivedAt` (indexed), and the receipt's slot if it shares a chunk. */
  receipt?: { chunkIds: ChunkId[]; slot: number | null; receivedAtMs: number };
  fromMs?: number;
  toMs?: number;
  /** Returns only the events of this agent and its descendants. */
  visibleTo?: string | undefined;
}

/**
 * Matches the events of an agent and its descendants, or all events. Each branch names the tenant, because a supported
 * MongoDB-compatible server otherwise searches a partial index without its first field, and finds nothing.
 */
const submittedBelow = (tenant: Tenant, agentId: string | undefined) =>
  agentId === undefined
    ? {}
    : {
        $or: [
          { tenant, agentId },
          { tenant, agentAncestors: agentId },
        ],
      };

const BY_USER = { tenant: 1, userRef: 1, receivedAt: -1, _id: -1 } as const;

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
    agentAncestors: { type: [String], default: undefined },
    chunkId: String,
    index: Number,
    fingerprint: String,
  },
  { collection: 'events', versionKey: false, strict: 'throw', minimize: false },
);
schema.index({ tenant: 1, receivedAt: -1, _id: -1 });
schema.index(BY_USER);
schema.index({ tenant: 1, eventType: 1, receivedAt: -1, _id: -1 });
schema.index(
  { tenant: 1, agentId: 1, receivedAt: -1, _id: -1 },
  { partialFilterExpression: { agentId: { $exists: true } } },
);
// Only events of spawned agents have entries: one for each ancestor.
schema.index(
  { tenant: 1, agentAncestors: 1, receivedAt: -1, _id: -1 },
  { partialFilterExpression: { agentAncestors: { $exists: true } } },
);

const positionOf = ({ receivedAt, _id }: EventDoc): Position => ({ atMs: receivedAt.getTime(), id: _id });

export function eventsStore(connection: Connection) {
  const model = connection.model<EventDoc>('Event', schema);
  const collection = connection.collection<EventDoc>(model.collection.collectionName);
  const routing = tenantRouting(connection);
  return {
    model,

    /** Returns the events of `tenants` that are already stored under any of `ids`. */
    async existing(tenants: Iterable<Tenant>, ids: EventId[], session?: ClientSession): Promise<ExistingEvent[]> {
      const projection = { chunkId: 1, index: 1, fingerprint: 1, userRef: 1, receivedAt: 1, agentId: 1 };
      const options = { projection, batchSize: batchSizeFor(ids), ...(session ? { session } : {}) };
      return collection.find<ExistingEvent>({ _id: { $in: ids }, ...routing(tenants) }, options).toArray();
    },

    /**
     * Inserts events in operations of at most `docsPerOperation`, through the driver, because mongoose is slow at bulk
     * inserts. Throws on a duplicate ID.
     */
    async insert(events: EventDoc[], session: ClientSession, docsPerOperation: number): Promise<void> {
      for (const page of pagesOf(events, docsPerOperation))
        await collection.insertMany(page, { session, ordered: true });
    },

    /** Deletes events of `tenants` that are covered by their user's erasure, so that their idempotency keys can be reused. */
    async remove(tenants: Iterable<Tenant>, ids: EventId[], session: ClientSession): Promise<void> {
      await collection.deleteMany({ _id: { $in: ids }, ...routing(tenants) }, { session });
    },

    /**
     * Deletes up to `limit` events of a user that were received no later than `through`, in a transaction. Returns the
     * number of deleted events.
     */
    async erasePage(
      tenant: Tenant,
      userRef: UserRef,
      through: Date,
      limit: number,
      session: ClientSession,
    ): Promise<number> {
      const page = await model
        .find({ tenant, userRef, receivedAt: { $lte: through } }, { _id: 1 })
        .sort({ receivedAt: -1, _id: -1 })
        .limit(limit)
        .session(session)
        .lean<Pick<EventDoc, '_id'>[]>();
      if (page.length === 0) return 0;
      const ids = page.map(({ _id }) => _id);
      return (await model.deleteMany({ _id: { $in: ids }, ...routing([tenant]) }, { session })).deletedCount;
    },

    /** Counts a user's events received up to a time, up to `limit`. */
    async countThrough(tenant: Tenant, userRef: UserRef, through: Date, limit: number): Promise<number> {
      const filter = { tenant, userRef, receivedAt: { $lte: through } };
      return model.countDocuments(filter, { limit, hint: BY_USER, maxTimeMS: LIST_TIMEOUT_MS });
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

    /**
     * Returns a page of events, most recently received first. Each filter has its own index. If several filters are
     * set, the most selective one determines the index, and the page can be short.
     */
    async list(
      tenant: Tenant,
      { userRef, eventType, agentId, receipt, fromMs, toMs, visibleTo }: EventsFilter,
      after: Position | null,
      limit: number,
      pay?: PayForRows,
    ): Promise<ListPage<EventDoc>> {
      const equal = { ...(userRef && { userRef }), ...(agentId && { agentId }), ...(eventType && { eventType }) };
      const chunk = receipt && {
        chunkId: { $in: receipt.chunkIds },
        ...(receipt.slot === null ? {} : { index: receipt.slot }),
      };
      const [first, ...others] = Object.entries({ ...equal, ...chunk });
      const isIndexed = first !== undefined && !receipt;
      const bounds = {
        time: 'receivedAt',
        fromMs: receipt ? Math.max(receipt.receivedAtMs, fromMs ?? 0) : fromMs,
        toMs: receipt ? Math.min(receipt.receivedAtMs + 1, toMs ?? Infinity) : toMs,
        after,
        limit,
        pay,
      };
      if (first === undefined && visibleTo !== undefined) {
        const ranges = [{ agentId: visibleTo }, { agentAncestors: visibleTo }];
        const pages = ranges.map((range) => listPage<EventDoc>(model, { ...bounds, indexed: { tenant, ...range } }));
        return mergePages(await Promise.all(pages), limit, positionOf);
      }
      const filter = {
        ...Object.fromEntries(isIndexed ? others : Object.entries({ ...equal, ...chunk })),
        ...submittedBelow(tenant, visibleTo),
      };
      return listPage<EventDoc>(model, {
        ...bounds,
        indexed: { tenant, ...(isIndexed ? Object.fromEntries([first]) : {}) },
        ...(Object.keys(filter).length > 0 ? { filter } : {}),
      });
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

    /** Returns the agent that submitted an event of a tenant, or of any tenant if it is null. */
    async submitter(tenant: Tenant | null, eventId: string): Promise<Pick<EventDoc, 'tenant' | 'agentId'> | null> {
      return model
        .findOne({ _id: eventId as EventId, ...(tenant === null ? {} : { tenant }) }, { tenant: 1, agentId: 1 })
        .maxTimeMS(LIST_TIMEOUT_MS)
        .lean<Pick<EventDoc, 'tenant' | 'agentId'>>();
    },

    /** Returns an event of a tenant. With `visibleTo`, only if that agent or a descendant submitted it. */
    async get(tenant: Tenant, eventId: string, visibleTo?: string): Promise<EventDoc | null> {
      return model.findOne({ _id: eventId as EventId, tenant, ...submittedBelow(tenant, visibleTo) }).lean<EventDoc>();
    },
  };
}
