import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { IdentityRef, Tenant, UserRef } from '../domain/ids';

/**
 * Rows that a committed change must still update in the cache. An entry is written in the transaction of the change and
 * deleted once the rows are cached.
 */
export interface CacheOutboxDoc {
  _id: string;
  userRefs: UserRef[];
  /** The users' tenants. Absent from entries that earlier versions wrote. */
  tenants?: Tenant[];
  identities: IdentityRef[];
  /** When the sweep takes over. Until then, the process that committed the change updates the cache. */
  dueAt: Date;
}

const schema = new Schema<CacheOutboxDoc>(
  {
    _id: String,
    userRefs: [String],
    tenants: { type: [String], default: undefined },
    identities: [String],
    dueAt: Date,
  },
  { collection: 'refreshes', versionKey: false, strict: 'throw' },
);
schema.index({ dueAt: 1 });

export function cacheOutboxStore(connection: Connection) {
  const model = connection.model<CacheOutboxDoc>('Refresh', schema);
  return {
    model,

    async insert(refresh: CacheOutboxDoc, session: ClientSession): Promise<void> {
      await model.create([refresh], { session });
    },

    async due(now: Date, limit: number): Promise<CacheOutboxDoc[]> {
      return model
        .find({ dueAt: { $lte: now } })
        .sort({ dueAt: 1 })
        .limit(limit)
        .lean<CacheOutboxDoc[]>();
    },

    /** Returns the earliest due time of an entry, which may be in the past, or null if there are no entries. */
    async nextDueAt(): Promise<Date | null> {
      const next = await model.findOne({}, { dueAt: 1 }).sort({ dueAt: 1 }).lean<Pick<CacheOutboxDoc, 'dueAt'>>();
      return next?.dueAt ?? null;
    },

    async done(id: string): Promise<void> {
      await model.deleteOne({ _id: id });
    },
  };
}
