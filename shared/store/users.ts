import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { Tenant, UserRef } from '../domain/ids';
import { EMPTY_ROW, type SignalsRow } from '../domain/signals';

/** One user of one partner and environment: the truth that the cached signals row repeats. */
export interface UserDoc {
  _id: UserRef;
  tenant: Tenant;
  eventCount: number;
  firstEventAt: Date;
  lastEventAt: Date;
  /** Grows with every commit that touches the row; a cache takes only a newer one. */
  revision: number;
}

/** What one commit adds to a user. */
export interface UserDelta {
  userRef: UserRef;
  tenant: Tenant;
  eventCount: number;
  firstEventAtMs: number;
  lastEventAtMs: number;
}

const schema = new Schema<UserDoc>(
  {
    _id: String,
    tenant: String,
    eventCount: Number,
    firstEventAt: Date,
    lastEventAt: Date,
    revision: Number,
  },
  { collection: 'users', versionKey: false, strict: 'throw' },
);

function rowOf(doc: UserDoc): SignalsRow {
  return {
    revision: doc.revision,
    eventCount: doc.eventCount,
    firstEventAtMs: doc.firstEventAt.getTime(),
    lastEventAtMs: doc.lastEventAt.getTime(),
  };
}

/** The row after a delta: what the store's $inc, $min and $max will make of it within the same transaction. */
export function addDelta(row: SignalsRow, delta: UserDelta): SignalsRow {
  return {
    revision: row.revision + 1,
    eventCount: row.eventCount + delta.eventCount,
    firstEventAtMs: Math.min(row.firstEventAtMs ?? Infinity, delta.firstEventAtMs),
    lastEventAtMs: Math.max(row.lastEventAtMs ?? -Infinity, delta.lastEventAtMs),
  };
}

export function usersStore(connection: Connection) {
  const model = connection.model<UserDoc>('User', schema);
  const collection = () => model.collection;
  return {
    model,

    /** Rows of the refs, by ref; a user without events has no entry. Refs are keyed hashes that include the tenant. */
    async rows(refs: UserRef[], session?: ClientSession): Promise<Map<UserRef, SignalsRow>> {
      const options = session ? { session } : {};
      const docs = await collection()
        .find({ _id: { $in: refs as never[] } }, options)
        .toArray();
      return new Map((docs as unknown as UserDoc[]).map((doc) => [doc._id, rowOf(doc)]));
    },

    /** Adds the deltas; new users are inserted, known ones updated. */
    async add(deltas: UserDelta[], known: ReadonlyMap<UserRef, SignalsRow>, session: ClientSession): Promise<void> {
      const fresh = deltas.filter(({ userRef }) => !known.has(userRef));
      const touched = deltas.filter(({ userRef }) => known.has(userRef));
      if (fresh.length > 0) {
        const docs = fresh.map((delta) => ({
          _id: delta.userRef,
          tenant: delta.tenant,
          eventCount: delta.eventCount,
          firstEventAt: new Date(delta.firstEventAtMs),
          lastEventAt: new Date(delta.lastEventAtMs),
          revision: EMPTY_ROW.revision + 1,
        }));
        await collection().insertMany(docs as never[], { session, ordered: true });
      }
      if (touched.length > 0) {
        const updates = touched.map((delta) => ({
          updateOne: {
            filter: { _id: delta.userRef as never },
            update: {
              $inc: { eventCount: delta.eventCount, revision: 1 },
              $min: { firstEventAt: new Date(delta.firstEventAtMs) },
              $max: { lastEventAt: new Date(delta.lastEventAtMs) },
            },
          },
        }));
        await collection().bulkWrite(updates, { session, ordered: true });
      }
    },
  };
}

export type UsersStore = ReturnType<typeof usersStore>;
