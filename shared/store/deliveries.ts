import { type ClientSession, type Connection, Schema } from 'mongoose';
import { LRUCache } from 'lru-cache';
import type { Tenant, UserRef } from '../domain/ids';
import type { ReceiverFormat } from '../domain/receiver';
import { type EndpointRef, MAX_OPEN_DELIVERIES, type MessageType } from '../domain/webhook';
import { LIST_TIMEOUT_MS, type ListPage, listPage, type Position } from './list-page';

/** One attempt to send a message. Contains no part of the response except for its status. */
export interface Attempt {
  at: Date;
  /** Null if there was no response. */
  responseCode: number | null;
  durationMs: number;
  /** An error code. Absent if there was a response. */
  error?: string;
}

/**
 * `PENDING` and `OPEN` deliveries are still being attempted. `OPEN` is the status of those that earlier versions can
 * send, too. A `SKIPPED` message arose while its endpoint was disabled or had too many unfinished deliveries.
 */
export type DeliveryStatus = 'OPEN' | 'PENDING' | 'DELIVERED' | 'FAILED' | 'SKIPPED';

/** The delivery of a message to one endpoint. The row is the outbox: a sweep retries it until it is finished. */
export interface DeliveryDoc {
  _id: string;
  tenant: Tenant;
  endpointId?: string;
  /** Identifies the message at all endpoints. Absent if it is the `_id`. */
  messageId?: string;
  /** The user whom the message concerns. Their erasure deletes the delivery. */
  userRef?: UserRef;
  /** Present only for pushes to receivers. */
  format?: ReceiverFormat;
  /** The kill that a push reports, whose report contains the acknowledgement. */
  cascadeId?: string;
  type: MessageType;
  /** The JSON text that is signed and sent, identical for every attempt. */
  body: string;
  status: DeliveryStatus;
  /** Number of attempts. */
  attempts: number;
  /** The latest attempts, oldest first. Earlier versions recorded none. */
  attemptLog?: Attempt[];
  /** Number of attempts before the message was last sent again on request, from which its retries count. */
  retriesFrom?: number;
  /** How often the message was sent again on request. */
  round?: number;
  /** When a recovery last sent the message again. */
  recoveredAt?: Date;
  /** Until then, a worker may be sending the message. */
  leaseUntil?: Date;
  /** Identifies the operation that last took the delivery for an attempt. */
  leaseId?: string;
  nextLookAt: Date;
  /** Before this time, the partner must not learn of the message. Absent if there is no such time. */
  visibleAt?: Date;
  createdAt: Date;
  expireAt: Date;
}

export type DueDelivery = Pick<DeliveryDoc, '_id' | 'attempts' | 'round' | 'nextLookAt'>;

/** Maximum number of attempts in the log of a delivery. More than one round of retries has. */
export const MAX_LOGGED_ATTEMPTS = 20;

export const UNFINISHED: DeliveryStatus[] = ['OPEN', 'PENDING'];

/** Returns the status of an unfinished delivery. */
export function openStatusOf(endpointId: EndpointRef): 'OPEN' | 'PENDING' {
  return endpointId === undefined ? 'OPEN' : 'PENDING';
}

export function isUnfinished({ status }: Pick<DeliveryDoc, 'status'>): boolean {
  return UNFINISHED.includes(status);
}

const schema = new Schema<DeliveryDoc>(
  {
    _id: String,
    tenant: String,
    endpointId: String,
    messageId: String,
    userRef: String,
    format: String,
    cascadeId: String,
    type: String,
    body: String,
    status: String,
    attempts: Number,
    attemptLog: {
      type: [{ _id: false, at: Date, responseCode: Number, durationMs: Number, error: String }],
      default: undefined,
    },
    retriesFrom: Number,
    round: Number,
    recoveredAt: Date,
    leaseUntil: Date,
    leaseId: String,
    nextLookAt: Date,
    visibleAt: Date,
    createdAt: Date,
    expireAt: Date,
  },
  { collection: 'webhook_deliveries', versionKey: false, strict: 'throw' },
);
/** Pushes that their receivers have not acknowledged, and that are still attempted. */
const UNACKNOWLEDGED = { status: 'PENDING', format: { $exists: true } } as const;

/** How long a process remembers which endpoints are full. Meanwhile, a few more deliveries may be added. */
const FULL_ENDPOINTS_TTL_MS = 1_000;
const MAX_REMEMBERED_TENANTS = 1_000;

schema.index({ status: 1, nextLookAt: 1 });
schema.index({ tenant: 1, userRef: 1 });
schema.index({ tenant: 1, endpointId: 1, createdAt: -1, _id: -1 });
schema.index({ tenant: 1, endpointId: 1, status: 1, createdAt: -1, _id: -1 });
schema.index({ createdAt: 1 }, { partialFilterExpression: UNACKNOWLEDGED });
schema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

/** The fields by which deliveries are changed. */
export type DeliveryRef = Pick<DeliveryDoc, '_id' | 'tenant'>;

/** The deliveries to one endpoint. `null` also matches rows without the field. */
export const to = (tenant: Tenant, endpointId: EndpointRef) => ({ tenant, endpointId: endpointId ?? null });
const visible = (now: Date) => ({ visibleAt: { $not: { $gt: now } } });
export const notLeased = (now: Date) => ({ leaseUntil: { $not: { $gt: now } } });

export function deliveriesStore(connection: Connection) {
  const model = connection.model<DeliveryDoc>('WebhookDelivery', schema);
  const fullEndpoints = new LRUCache<string, Set<EndpointRef>>({
    max: MAX_REMEMBERED_TENANTS,
    ttl: FULL_ENDPOINTS_TTL_MS,
  });
  return {
    model,

    async insert(deliveries: DeliveryDoc[], session: ClientSession): Promise<void> {
      if (deliveries.length > 0) await model.insertMany(deliveries, { session });
    },

    /** Inserts deliveries that do not exist yet, outside of a transaction. */
    async insertMissing(deliveries: DeliveryDoc[]): Promise<void> {
      const writes = deliveries.map(({ _id, tenant, ...facts }) => ({
        updateOne: { filter: { _id, tenant }, update: { $setOnInsert: facts }, upsert: true },
      }));
      if (writes.length > 0) await model.bulkWrite(writes, { ordered: false });
    },

    async get(tenant: Tenant, endpointId: EndpointRef, id: string): Promise<DeliveryDoc | null> {
      return model.findOne({ _id: id, ...to(tenant, endpointId), ...visible(new Date()) }).lean<DeliveryDoc>();
    },

    /** Returns a page of an endpoint's deliveries, newest first. */
    async list(
      tenant: Tenant,
      endpointId: EndpointRef,
      { status, fromMs }: { status?: DeliveryStatus | undefined; fromMs: number },
      after: Position | null,
      limit: number,
    ): Promise<ListPage<DeliveryDoc>> {
      const indexed = { ...to(tenant, endpointId), ...(status && { status }) };
      const filter = visible(new Date());
      return listPage<DeliveryDoc>(model, { time: 'createdAt', indexed, filter, fromMs, after, limit });
    },

    /**
     * Returns the endpoints that have as many unfinished deliveries as they may have, as of at most
     * `FULL_ENDPOINTS_TTL_MS` ago: counting them for each message would cost more than sending it.
     */
    async fullEndpoints(tenant: Tenant, endpointIds: readonly EndpointRef[]): Promise<Set<EndpointRef>> {
      const key = [tenant, ...endpointIds].join('|');
      const known = fullEndpoints.get(key);
      if (known) return known;
      const ids = endpointIds.map((id) => id ?? null);
      const counts = await model.aggregate<{ _id: string | null; count: number }>([
        { $match: { tenant, endpointId: { $in: ids }, status: { $in: UNFINISHED } } },
        { $group: { _id: '$endpointId', count: { $sum: 1 } } },
      ]);
      const full = counts.filter(({ count }) => count >= MAX_OPEN_DELIVERIES);
      const found = new Set(full.map(({ _id }) => _id ?? undefined));
      fullEndpoints.set(key, found);
      return found;
    },

    /** Counts the unfinished deliveries to an endpoint, up to `MAX_OPEN_DELIVERIES`. */
    async countUnfinished(tenant: Tenant, endpointId: EndpointRef): Promise<number> {
      const filter = { ...to(tenant, endpointId), status: { $in: UNFINISHED } };
      return model.countDocuments(filter, { limit: MAX_OPEN_DELIVERIES, maxTimeMS: LIST_TIMEOUT_MS });
    },

    /** Returns when the oldest push was created that no receiver has acknowledged, or null if there is none. */
    async oldestUnacknowledgedAt(): Promise<Date | null> {
      const oldest = await model
        .findOne(UNACKNOWLEDGED, { createdAt: 1 })
        .sort({ createdAt: 1 })
        .lean<Pick<DeliveryDoc, 'createdAt'>>();
      return oldest?.createdAt ?? null;
    },

    async dropOfUser(tenant: Tenant, userRef: UserRef, session: ClientSession): Promise<void> {
      await model.deleteMany({ tenant, userRef }, { session });
    },

    async dropUnfinished(tenant: Tenant, endpointId: EndpointRef, session: ClientSession): Promise<void> {
      await model.deleteMany({ ...to(tenant, endpointId), status: { $in: UNFINISHED } }, { session });
    },
  };
}
