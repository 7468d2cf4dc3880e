import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChunkId, EventId, Tenant } from '../domain/ids';
import {
  baseOf,
  chunkIdAt,
  countOutcomes,
  hasFailures,
  type Outcome,
  type OutcomeCounts,
  RECEIPT_RETENTION_MS,
} from '../domain/receipt';
import { LIST_TIMEOUT_MS, type ListPage, listPage, type PayForRows, type Position } from './list-page';
import { tenantRouting } from './routing';
import { startOfHour } from './usage';

/** An item whose outcome is not PERSISTED. */
export interface ReceiptItem {
  index: number;
  eventId: EventId;
  outcome: Exclude<Outcome, 'PERSISTED'>;
  code?: string;
  message?: string;
  /** For a CONFLICT, when MIR received the stored event. Earlier versions did not record it. */
  firstReceivedAt?: Date;
}

/**
 * Time for which a part is kept after its events became final. A day longer than receipts and dead letters, so that the
 * replay of a dead letter finds what usage has counted.
 */
const KEPT_MS = RECEIPT_RETENTION_MS + 24 * 3600 * 1000;

/** What a receipt ID contains about a submission, except for the chunk ID. */
export interface SubmissionFacts {
  receivedAt: Date;
  /** The number of chunks and of accepted events. Null for single events that share a chunk. */
  batch: { chunks: number; accepted: number } | null;
  /** The agent that submitted the events, and its ancestors. Absent for the partner's own events. */
  agents?: string[];
}

/**
 * The outcome of one chunk, which is one part of a receipt. A receipt combines the parts of its chunks, or reads one
 * slot of a shared chunk. The optional fields serve the list of receipts; parts from earlier versions lack them.
 */
export interface ReceiptPartDoc {
  _id: ChunkId;
  tenant: Tenant;
  /** Number of events. Null if the payload was unreadable; all of its events are then FAILED. */
  total: number | null;
  items: ReceiptItem[];
  settledAt: Date;
  expireAt: Date;
  /** The hour in which usage has counted the events. Absent on parts from earlier versions, which it has not counted. */
  usageAt?: Date;
  receivedAt?: Date;
  /**
   * The tenant, on parts by which the list finds receipts: the first part of a batch, and shared parts. The index does
   * not start with `tenant`, because servers would choose it to read parts by ID.
   */
  listedFor?: Tenant;
  /** The tenant, on parts with a CONFLICT or FAILED event. */
  failuresOf?: Tenant;
  /** Facts of the whole batch. Absent on shared parts. */
  batch?: { chunks: number; accepted: number };
  /** Absent if all events are PERSISTED. */
  counts?: OutcomeCounts;
  /** The agents that may read the receipt if each may read only what it or a descendant submitted. */
  agents?: string[];
}

/** A part as the list of receipts reads it. */
export interface ListedPart extends Pick<ReceiptPartDoc, '_id' | 'total' | 'settledAt' | 'batch' | 'counts'> {
  receivedAt: Date;
}

const LISTED = { total: 1, settledAt: 1, receivedAt: 1, batch: 1, counts: 1 } as const;

export interface ReceiptsFilter {
  fromMs: number;
  toMs?: number | undefined;
  /** Lists only parts with a CONFLICT or FAILED event. */
  withFailures: boolean;
  /** Lists only parts of this agent and its descendants. A page may then be short. */
  visibleTo?: string | undefined;
}

/** Builds a chunk's part of the receipts that it belongs to. */
export function receiptPartOf(
  {
    chunkId,
    tenant,
    total,
    items,
    submission,
  }: {
    chunkId: ChunkId;
    tenant: Tenant;
    total: number | null;
    items: ReceiptItem[];
    submission: SubmissionFacts | null;
  },
  now: Date,
): ReceiptPartDoc {
  const expireAt = new Date(now.getTime() + KEPT_MS);
  const usageAt = startOfHour(submission?.receivedAt ?? now);
  const part: ReceiptPartDoc = { _id: chunkId, tenant, total, items, settledAt: now, expireAt, usageAt };
  const counts = countOutcomes(items);
  if (items.length > 0) part.counts = counts;
  if (submission === null) return part;
  const { receivedAt, batch, agents } = submission;
  part.receivedAt = receivedAt;
  if (agents) part.agents = agents;
  if (batch === null || chunkId === chunkIdAt(baseOf(chunkId), 0)) part.listedFor = tenant;
  if (hasFailures(counts)) part.failuresOf = tenant;
  if (batch !== null) part.batch = batch;
  return part;
}

const schema = new Schema<ReceiptPartDoc>(
  {
    _id: String,
    tenant: String,
    total: Number,
    items: [
      {
        _id: false,
        index: Number,
        eventId: String,
        outcome: String,
        code: String,
        message: String,
        firstReceivedAt: Date,
      },
    ],
    settledAt: Date,
    expireAt: Date,
    usageAt: Date,
    receivedAt: Date,
    listedFor: String,
    failuresOf: String,
    batch: { chunks: Number, accepted: Number },
    agents: { type: [String], default: undefined },
    counts: { duplicates: Number, conflicts: Number, failed: Number, erased: Number },
  },
  { collection: 'receipt_parts', versionKey: false, strict: 'throw' },
);
schema.index({ listedFor: 1, receivedAt: -1, _id: -1 }, { partialFilterExpression: { listedFor: { $exists: true } } });
schema.index(
  { failuresOf: 1, receivedAt: -1, _id: -1 },
  { partialFilterExpression: { failuresOf: { $exists: true } } },
);
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

export function receiptsStore(connection: Connection) {
  const model = connection.model<ReceiptPartDoc>('ReceiptPart', schema);
  const collection = connection.collection<ReceiptPartDoc>(model.collection.collectionName);
  const routing = tenantRouting(connection);
  return {
    model,

    /** Inserts parts of receipts. Throws if one exists. */
    async insert(parts: ReceiptPartDoc[], session: ClientSession): Promise<void> {
      await collection.insertMany(parts, { session, ordered: true });
    },

    /** Writes parts of receipts, and replaces those that exist. */
    async put(parts: ReceiptPartDoc[], session?: ClientSession): Promise<void> {
      const writes = parts.map((part) => ({
        replaceOne: { filter: { _id: part._id, ...routing([part.tenant]) }, replacement: part, upsert: true },
      }));
      await collection.bulkWrite(writes, { ordered: false, ...(session ? { session } : {}) });
    },

    /** Returns those of the parts that are stored, as they are stored. */
    async stored(parts: readonly ReceiptPartDoc[], session: ClientSession): Promise<ReceiptPartDoc[]> {
      const ids = parts.map(({ _id }) => _id);
      const tenants = parts.map(({ tenant }) => tenant);
      return collection.find({ _id: { $in: ids }, ...routing(tenants) }, { session }).toArray();
    },

    async parts(tenant: Tenant, chunkIds: ChunkId[]): Promise<ReceiptPartDoc[]> {
      return model.find({ _id: { $in: chunkIds }, tenant }).lean<ReceiptPartDoc[]>();
    },

    /** Returns parts without their items. */
    async listed(tenant: Tenant, chunkIds: ChunkId[]): Promise<ListedPart[]> {
      return model
        .find({ _id: { $in: chunkIds }, tenant }, LISTED)
        .maxTimeMS(LIST_TIMEOUT_MS)
        .lean<ListedPart[]>();
    },

    /**
     * Returns a page of parts that were received at or after `fromMs`, most recently received first: the first part of
     * each receipt, or with `withFailures` every part that has failures.
     */
    async list(
      tenant: Tenant,
      { fromMs, toMs, withFailures, visibleTo }: ReceiptsFilter,
      after: Position | null,
      limit: number,
      pay?: PayForRows,
    ): Promise<ListPage<ListedPart>> {
      return listPage<ListedPart>(model, {
        time: 'receivedAt',
        indexed: withFailures ? { failuresOf: tenant } : { listedFor: tenant },
        routing: routing([tenant]),
        ...(visibleTo === undefined ? {} : { filter: { agents: visibleTo } }),
        projection: LISTED,
        fromMs,
        toMs,
        after,
        limit,
        pay,
      });
    },
  };
}
