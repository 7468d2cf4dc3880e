import { type Connection, Schema } from 'mongoose';
import type { Tenant } from '../domain/ids';
import { type Rejection, REJECTED_EVENTS_RETENTION_DAYS, REJECTED_EVENTS_RETENTION_MS } from '../domain/rejected-event';
import { classifyStoreError } from './errors';
import { LIST_TIMEOUT_MS, type ListPage, listPage, type Position } from './list-page';

const DAY_MS = 24 * 3600 * 1000;

/** A problem for which the API rejected an event. Contains nothing about the event's user. */
export interface RejectedEventDoc extends Rejection {
  _id: string;
  tenant: Tenant;
  rejectedAt: Date;
  requestId: string;
  agentId: string | null;
  expireAt: Date;
}

/** The number of a tenant's problems of one day (UTC) that were not recorded. `_id` is the tenant and the day. */
interface OmittedRejectionsDoc {
  _id: string;
  tenant: Tenant;
  omitted: number;
  expireAt: Date;
}

export interface RejectedEventsFilter {
  code?: string | undefined;
  requestId?: string | undefined;
  fromMs: number;
  toMs?: number | undefined;
  /** Returns only rows of this agent. A page may then be short. */
  agentId?: string | undefined;
}

const schema = new Schema<RejectedEventDoc>(
  {
    _id: String,
    tenant: String,
    rejectedAt: Date,
    requestId: String,
    index: Number,
    code: String,
    path: String,
    eventType: String,
    agentId: String,
    expireAt: Date,
  },
  { collection: 'rejected_events', versionKey: false, strict: 'throw' },
);
schema.index({ tenant: 1, rejectedAt: -1, _id: -1 });
schema.index({ tenant: 1, code: 1, rejectedAt: -1, _id: -1 });
schema.index({ tenant: 1, requestId: 1, rejectedAt: -1, _id: -1 });
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

const omittedSchema = new Schema<OmittedRejectionsDoc>(
  { _id: String, tenant: String, omitted: Number, expireAt: Date },
  { collection: 'omitted_rejections', versionKey: false, strict: 'throw' },
);
omittedSchema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

export function rejectedEventsStore(connection: Connection) {
  const model = connection.model<RejectedEventDoc>('RejectedEvent', schema);
  const collection = connection.collection<RejectedEventDoc>(model.collection.collectionName);
  return {
    model,

    /** Inserts rows. Skips rows that an earlier call has inserted. */
    async insert(rows: RejectedEventDoc[]): Promise<void> {
      try {
        await collection.insertMany(rows, { ordered: false });
      } catch (error) {
        if (classifyStoreError(error) !== 'duplicate') throw error;
      }
    },

    /** Returns a page of rows, newest first. `code` and `requestId` each have an index. With both, a page may be short. */
    async list(
      tenant: Tenant,
      { code, requestId, agentId, fromMs, toMs }: RejectedEventsFilter,
      after: Position | null,
      limit: number,
    ): Promise<ListPage<RejectedEventDoc>> {
      const byCode = code === undefined ? {} : { code };
      const filter = { ...(requestId !== undefined && byCode), ...(agentId !== undefined && { agentId }) };
      return listPage<RejectedEventDoc>(model, {
        time: 'rejectedAt',
        indexed: { tenant, ...(requestId === undefined ? byCode : { requestId }) },
        ...(Object.keys(filter).length > 0 && { filter }),
        fromMs,
        toMs,
        after,
        limit,
      });
    },
  };
}

const startOfDay = (atMs: number): number => atMs - (atMs % DAY_MS);
const omittedId = (tenant: Tenant, dayMs: number): string => `${tenant}|${new Date(dayMs).toISOString().slice(0, 10)}`;

export function omittedRejectionsStore(connection: Connection) {
  const model = connection.model<OmittedRejectionsDoc>('OmittedRejections', omittedSchema);
  return {
    model,

    /** Adds to the number of each tenant's problems that were not recorded on the day of `now`. */
    async add(counts: ReadonlyMap<Tenant, number>, now: Date): Promise<void> {
      const dayMs = startOfDay(now.getTime());
      const expireAt = new Date(dayMs + DAY_MS + REJECTED_EVENTS_RETENTION_MS);
      const writes = [...counts].map(([tenant, omitted]) => ({
        updateOne: {
          filter: { _id: omittedId(tenant, dayMs), tenant },
          update: { $inc: { omitted }, $setOnInsert: { expireAt } },
          upsert: true,
        },
      }));
      await model.bulkWrite(writes, { ordered: false });
    },

    /** Returns how many problems were not recorded on the day of `now` and on the days before it that are kept. */
    async count(tenant: Tenant, now: Date): Promise<number> {
      const today = startOfDay(now.getTime());
      const ids = Array.from({ length: REJECTED_EVENTS_RETENTION_DAYS + 1 }, (_, n) =>
        omittedId(tenant, today - n * DAY_MS),
      );
      const days = await model
        .find({ _id: { $in: ids }, tenant }, { omitted: 1 })
        .maxTimeMS(LIST_TIMEOUT_MS)
        .lean<Pick<OmittedRejectionsDoc, 'omitted'>[]>();
      return days.reduce((sum, { omitted }) => sum + omitted, 0);
    },
  };
}
