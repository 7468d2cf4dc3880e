import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { Tenant, UserRef } from '../domain/ids';
import { LIST_TIMEOUT_MS, type ListPage, listPage, type Position } from './list-page';
import { tenantRouting } from './routing';

/**
 * A partner's request to erase a user, and its status. The row is the outbox: a sweep resumes the erasure until it is
 * DONE.
 */
export interface ErasureDoc {
  _id: string;
  tenant: Tenant;
  /** Removed when the erasure is done, so only the erasure's status remains. */
  userRef?: UserRef;
  /** Everything received up to this time, according to the partner's clock, is erased. */
  erasedAt: Date;
  status: 'RUNNING' | 'DONE';
  eventsErased: number;
  /** When a sweep next resumes the erasure. */
  nextLookAt: Date;
  settledAt?: Date;
  expireAt: Date;
}

/** An erasure is scheduled less than this ahead. */
const MAX_LOOK_AHEAD_MS = 60_000;

/** Maximum number of erasures that are counted. */
export const MAX_COUNTED_ERASURES = 10_000;

export type DueErasure = Pick<ErasureDoc, '_id' | 'tenant' | 'nextLookAt'>;

const schema = new Schema<ErasureDoc>(
  {
    _id: String,
    tenant: String,
    userRef: String,
    erasedAt: Date,
    status: String,
    eventsErased: Number,
    nextLookAt: Date,
    settledAt: Date,
    expireAt: Date,
  },
  { collection: 'erasures', versionKey: false, strict: 'throw' },
);
schema.index({ status: 1, nextLookAt: 1 });
schema.index({ status: 1, erasedAt: 1, _id: 1 });
schema.index({ tenant: 1, status: 1 });
schema.index({ tenant: 1, erasedAt: -1 });
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0, partialFilterExpression: { status: 'DONE' } });

export function erasuresStore(connection: Connection) {
  const model = connection.model<ErasureDoc>('Erasure', schema);
  const routing = tenantRouting(connection);
  const running = ({ _id, tenant }: Pick<ErasureDoc, '_id' | 'tenant'>) => ({
    _id,
    ...routing([tenant]),
    status: 'RUNNING' as const,
  });
  return {
    model,

    async insert(erasure: ErasureDoc, session: ClientSession): Promise<void> {
      await model.create([erasure], { session });
    },

    async get(tenant: Tenant, receiptId: string): Promise<ErasureDoc | null> {
      return model.findOne({ _id: receiptId, tenant }).lean<ErasureDoc>();
    },

    async byId(receiptId: string): Promise<ErasureDoc | null> {
      return model.findById(receiptId).lean<ErasureDoc>();
    },

    /** Returns a page of the erasures of all tenants: running ones oldest first, and others newest first. */
    async list(status: ErasureDoc['status'], after: Position | null, limit: number): Promise<ListPage<ErasureDoc>> {
      const isRunning = status === 'RUNNING';
      const order = isRunning ? { direction: 1 as const } : { direction: -1 as const, backwards: true };
      return listPage<ErasureDoc>(model, { time: 'erasedAt', ...order, indexed: { status }, after, limit });
    },

    /** Counts the erasures of all tenants, up to `MAX_COUNTED_ERASURES`. With `before`, only those requested before it. */
    async count(status: ErasureDoc['status'], before?: Date): Promise<number> {
      const filter = { status, ...(before && { erasedAt: { $lt: before } }) };
      return model.countDocuments(filter, { limit: MAX_COUNTED_ERASURES, maxTimeMS: LIST_TIMEOUT_MS });
    },

    /**
     * Returns running erasures that became due after `after`, longest overdue first, and those that are due later than
     * any process schedules them, because its clock was ahead.
     */
    async due(after: Date, now: Date, limit: number): Promise<DueErasure[]> {
      const inRange = (nextLookAt: { $gt: Date; $lte?: Date }, atMost: number): Promise<DueErasure[]> =>
        model
          .find({ status: 'RUNNING', nextLookAt }, { tenant: 1, nextLookAt: 1 })
          .sort({ nextLookAt: 1 })
          .limit(atMost)
          .lean<DueErasure[]>();
      const overdue = await inRange({ $gt: after, $lte: now }, limit);
      if (overdue.length === limit) return overdue;
      const tooLate = new Date(now.getTime() + MAX_LOOK_AHEAD_MS);
      return [...overdue, ...(await inRange({ $gt: tooLate }, limit - overdue.length))];
    },

    /** Counts a tenant's running erasures, up to `limit`. */
    async countRunning(tenant: Tenant, limit: number): Promise<number> {
      return model.countDocuments({ tenant, status: 'RUNNING' }, { limit });
    },

    /** Returns the time of the tenants' latest erasure, or null if there is none. */
    async latest(tenants: readonly Tenant[]): Promise<Date | null> {
      const each = tenants.map((tenant) =>
        model.findOne({ tenant }, { erasedAt: 1 }).sort({ erasedAt: -1 }).lean<Pick<ErasureDoc, 'erasedAt'>>(),
      );
      const times = (await Promise.all(each)).flatMap((found) => (found ? [found.erasedAt.getTime()] : []));
      return times.length > 0 ? new Date(Math.max(...times)) : null;
    },

    /** Returns the earliest due time of a running erasure, which may be in the past, or null if none is running. */
    async nextDueAt(): Promise<Date | null> {
      const next = await model
        .findOne({ status: 'RUNNING' }, { nextLookAt: 1 })
        .sort({ nextLookAt: 1 })
        .lean<Pick<ErasureDoc, 'nextLookAt'>>();
      return next?.nextLookAt ?? null;
    },

    async recordErased(
      erasure: Pick<ErasureDoc, '_id' | 'tenant'>,
      count: number,
      session: ClientSession,
    ): Promise<void> {
      await model.updateOne(running(erasure), { $inc: { eventsErased: count } }, { session });
    },

    /** Closes an erasure. Returns null if it was closed already. */
    async close(
      erasure: Pick<ErasureDoc, '_id' | 'tenant'>,
      settledAt: Date,
      session: ClientSession,
    ): Promise<ErasureDoc | null> {
      return model
        .findOneAndUpdate(
          running(erasure),
          { $set: { status: 'DONE', settledAt }, $unset: { userRef: '' } },
          { session, returnDocument: 'after' },
        )
        .lean<ErasureDoc>();
    },
  };
}
