import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { IdentityRef, UserRef } from '../domain/ids';

/** Cached rows that a committed change has yet to reach: written with the change, deleted once the cache has them. */
export interface CacheOutboxDoc {
  _id: string;
  userRefs: UserRef[];
  identities: IdentityRef[];
  /** A sweep takes it up from then on; before that its writer is still at it. */
  dueAt: Date;
}

const schema = new Schema<CacheOutboxDoc>(
  { _id: String, userRefs: [String], identities: [String], dueAt: Date },
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

    /** When the oldest entry is or was due; null: there is none. */
    async nextDueAt(): Promise<Date | null> {
      const next = await model.findOne({}, { dueAt: 1 }).sort({ dueAt: 1 }).lean<Pick<CacheOutboxDoc, 'dueAt'>>();
      return next?.dueAt ?? null;
    },

    async done(id: string): Promise<void> {
      await model.deleteOne({ _id: id });
    },
  };
}
