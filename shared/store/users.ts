import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { IdentityRef, Tenant, UserRef } from '../domain/ids';
import { EMPTY_ROW, type SignalsRow } from '../domain/signals';
import { pagesOf, batchSizeFor } from './pages-of';
import { tenantRouting } from './routing';

/** One user of one tenant. The cached signals row is built from this row. */
export interface UserDoc {
  _id: UserRef;
  tenant: Tenant;
  eventCount: number;
  /** Absent until the first event, so that $min and $max start from that event. */
  firstEventAt?: Date;
  lastEventAt?: Date;
  /** Incremented by every commit that touches the row, so that the cache can reject older rows. */
  revision: number;
  /** The MIR account that this user is linked to. */
  identity?: IdentityRef;
  linkedAt?: Date;
  /** Events received up to this time are erased. The committer drops any that are still queued. */
  erasedAt?: Date;
}

/** A signals row with the time of the user's last erasure, which the committer needs. */
export interface UserRow extends SignalsRow {
  erasedAtMs: number | null;
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
    identity: String,
    linkedAt: Date,
    erasedAt: Date,
  },
  { collection: 'users', versionKey: false, strict: 'throw' },
);

export function userRowOf(doc: UserDoc): UserRow {
  return {
    revision: doc.revision,
    eventCount: doc.eventCount,
    firstEventAtMs: doc.firstEventAt?.getTime() ?? null,
    lastEventAtMs: doc.lastEventAt?.getTime() ?? null,
    identity: doc.identity ?? null,
    erasedAtMs: doc.erasedAt?.getTime() ?? null,
  };
}

/** Returns `row` with `delta` added. Must match the result of the $inc, $min and $max operators in `add`. */
export function addDelta(row: UserRow, delta: UserDelta): UserRow {
  return {
    ...row,
    revision: row.revision + 1,
    eventCount: row.eventCount + delta.eventCount,
    firstEventAtMs: Math.min(row.firstEventAtMs ?? Infinity, delta.firstEventAtMs),
    lastEventAtMs: Math.max(row.lastEventAtMs ?? -Infinity, delta.lastEventAtMs),
  };
}

/** Initial row of a user who is not stored yet. */
export const NEW_USER_ROW: UserRow = { ...EMPTY_ROW, erasedAtMs: null };

/** Returns true if the user was erased at or after the time when the event was received. */
export function isErased(rows: ReadonlyMap<UserRef, UserRow>, userRef: UserRef, receivedAtMs: number): boolean {
  const erasedAtMs = rows.get(userRef)?.erasedAtMs;
  return erasedAtMs !== null && erasedAtMs !== undefined && receivedAtMs <= erasedAtMs;
}

export function usersStore(connection: Connection) {
  const model = connection.model<UserDoc>('User', schema);
  const collection = connection.collection<UserDoc>(model.collection.collectionName);
  const routing = tenantRouting(connection);
  return {
    model,

    /**
     * Returns the rows of users of `tenants` by ref. Users without a row have no entry. Without the tenants, every
     * shard of a cluster is read.
     */
    async rows(
      tenants: Iterable<Tenant> | null,
      refs: UserRef[],
      session?: ClientSession,
    ): Promise<Map<UserRef, UserRow>> {
      const options = { batchSize: batchSizeFor(refs), ...(session ? { session } : {}) };
      const docs = await collection.find({ _id: { $in: refs }, ...routing(tenants) }, options).toArray();
      return new Map(docs.map((doc) => [doc._id, userRowOf(doc)]));
    },

    /** Applies deltas in operations of at most `docsPerOperation`: updates the users in `known`, inserts the others. */
    async add(
      deltas: UserDelta[],
      known: ReadonlyMap<UserRef, SignalsRow>,
      session: ClientSession,
      docsPerOperation: number,
    ): Promise<void> {
      const fresh = deltas.filter(({ userRef }) => !known.has(userRef));
      const touched = deltas.filter(({ userRef }) => known.has(userRef));
      const docs = fresh.map((delta) => ({
        _id: delta.userRef,
        tenant: delta.tenant,
        eventCount: delta.eventCount,
        firstEventAt: new Date(delta.firstEventAtMs),
        lastEventAt: new Date(delta.lastEventAtMs),
        revision: EMPTY_ROW.revision + 1,
      }));
      for (const page of pagesOf(docs, docsPerOperation)) await collection.insertMany(page, { session, ordered: true });
      const updates = touched.map((delta) => ({
        updateOne: {
          filter: { _id: delta.userRef, ...routing([delta.tenant]) },
          update: {
            $inc: { eventCount: delta.eventCount, revision: 1 },
            $min: { firstEventAt: new Date(delta.firstEventAtMs) },
            $max: { lastEventAt: new Date(delta.lastEventAtMs) },
          },
        },
      }));
      for (const page of pagesOf(updates, docsPerOperation))
        await collection.bulkWrite(page, { session, ordered: true });
    },

    async get(tenant: Tenant, userRef: UserRef, session?: ClientSession): Promise<UserDoc | null> {
      return model
        .findOne({ _id: userRef, tenant })
        .session(session ?? null)
        .lean<UserDoc>();
    },

    /**
     * Locks users for a transaction, creating those that do not exist yet. Call this before the first read, so that
     * commits of these users' events wait. A transaction that reads first conflicts with every such commit, for as long
     * as events arrive.
     */
    async lock(users: readonly { tenant: Tenant; userRef: UserRef }[], session: ClientSession): Promise<void> {
      if (users.length === 0) return;
      const writes = users.map(({ tenant, userRef }) => ({
        updateOne: {
          filter: { _id: userRef, tenant },
          update: { $setOnInsert: { eventCount: 0 }, $inc: { revision: 1 } },
          upsert: true,
        },
      }));
      await collection.bulkWrite(writes, { session, ordered: true });
    },

    /** Changes a user, creating it if needed, and increments its revision. Returns the changed user. */
    async change(
      tenant: Tenant,
      userRef: UserRef,
      { set = {}, unset = [] }: { set?: Partial<UserDoc>; unset?: (keyof UserDoc)[] },
      session: ClientSession,
    ): Promise<UserDoc> {
      return model
        .findOneAndUpdate(
          { _id: userRef, tenant },
          {
            ...('eventCount' in set ? {} : { $setOnInsert: { eventCount: 0 } }),
            $inc: { revision: 1 },
            ...(Object.keys(set).length > 0 ? { $set: set } : {}),
            ...(unset.length > 0 ? { $unset: Object.fromEntries(unset.map((field) => [field, ''])) } : {}),
          },
          { session, upsert: true, returnDocument: 'after' },
        )
        .lean<UserDoc>()
        .orFail();
    },
  };
}
