import { type Connection, Schema } from 'mongoose';
import type { ChunkId, EventId, Tenant } from '../domain/ids';
import type { Outcome } from '../domain/receipt';
import { tenantRouting } from './routing';

/** An item whose outcome is not PERSISTED. */
export interface ReceiptItem {
  index: number;
  eventId: EventId;
  outcome: Exclude<Outcome, 'PERSISTED'>;
  code?: string;
  message?: string;
}

/**
 * The outcome of one chunk, which is one part of a receipt. A receipt combines the parts of its chunks, or reads one
 * slot of a shared chunk.
 */
export interface ReceiptPartDoc {
  _id: ChunkId;
  tenant: Tenant;
  /** Number of events. Null if the payload was unreadable; all of its events are then FAILED. */
  total: number | null;
  items: ReceiptItem[];
  settledAt: Date;
  expireAt: Date;
}

const schema = new Schema<ReceiptPartDoc>(
  {
    _id: String,
    tenant: String,
    total: Number,
    items: [{ _id: false, index: Number, eventId: String, outcome: String, code: String, message: String }],
    settledAt: Date,
    expireAt: Date,
  },
  { collection: 'receipt_parts', versionKey: false, strict: 'throw' },
);
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

export function receiptsStore(connection: Connection) {
  const model = connection.model<ReceiptPartDoc>('ReceiptPart', schema);
  const collection = connection.collection<ReceiptPartDoc>(model.collection.collectionName);
  const routing = tenantRouting(connection);
  return {
    model,

    /** Writes parts of receipts. A retry replaces a part with an identical one. */
    async put(parts: ReceiptPartDoc[]): Promise<void> {
      const writes = parts.map((part) => ({
        replaceOne: { filter: { _id: part._id, ...routing([part.tenant]) }, replacement: part, upsert: true },
      }));
      await collection.bulkWrite(writes, { ordered: false });
    },

    async parts(tenant: Tenant, chunkIds: ChunkId[]): Promise<ReceiptPartDoc[]> {
      return model.find({ _id: { $in: chunkIds }, tenant }).lean<ReceiptPartDoc[]>();
    },
  };
}
