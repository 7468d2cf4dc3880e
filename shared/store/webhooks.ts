import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { Tenant, UserRef } from '../domain/ids';

/** A tenant's webhook endpoint, with the encrypted secret that signs its messages. */
export interface WebhookDoc {
  _id: Tenant;
  url: string;
  sealedSecret: string;
  createdAt: Date;
}

export type WebhookEventType = 'link.confirmed' | 'link.removed';

/** A webhook message. The row is the outbox: a sweep retries the delivery while the row is OPEN. */
export interface DeliveryDoc {
  _id: string;
  tenant: Tenant;
  userRef: UserRef;
  type: WebhookEventType;
  /** The JSON text that is signed and sent, identical for every attempt. */
  body: string;
  status: 'OPEN' | 'DELIVERED' | 'FAILED';
  attempts: number;
  /** HTTP status or error code of the last attempt, never a response body. */
  lastOutcome?: string;
  nextLookAt: Date;
  createdAt: Date;
  expireAt: Date;
}

export type DueDelivery = Pick<DeliveryDoc, '_id' | 'attempts' | 'nextLookAt'>;

const webhookSchema = new Schema<WebhookDoc>(
  { _id: String, url: String, sealedSecret: String, createdAt: Date },
  { collection: 'webhooks', versionKey: false, strict: 'throw' },
);

const deliverySchema = new Schema<DeliveryDoc>(
  {
    _id: String,
    tenant: String,
    userRef: String,
    type: String,
    body: String,
    status: String,
    attempts: Number,
    lastOutcome: String,
    nextLookAt: Date,
    createdAt: Date,
    expireAt: Date,
  },
  { collection: 'webhook_deliveries', versionKey: false, strict: 'throw' },
);
deliverySchema.index({ status: 1, nextLookAt: 1 });
deliverySchema.index({ tenant: 1, userRef: 1 });
deliverySchema.index({ tenant: 1, createdAt: -1, _id: -1 });
deliverySchema.index({ expireAt: 1 }, { expireAfterSeconds: 0 });

export function webhooksStore(connection: Connection) {
  const model = connection.model<WebhookDoc>('Webhook', webhookSchema);
  return {
    model,

    async get(tenant: Tenant, session?: ClientSession): Promise<WebhookDoc | null> {
      return model
        .findById(tenant)
        .session(session ?? null)
        .lean<WebhookDoc>();
    },

    async put(webhook: WebhookDoc, session: ClientSession): Promise<void> {
      await model.replaceOne({ _id: webhook._id }, webhook, { upsert: true, session });
    },

    /** Returns true if there was a webhook to remove. */
    async remove(tenant: Tenant, session: ClientSession): Promise<boolean> {
      return (await model.deleteOne({ _id: tenant }, { session })).deletedCount === 1;
    },
  };
}

export function deliveriesStore(connection: Connection) {
  const model = connection.model<DeliveryDoc>('WebhookDelivery', deliverySchema);
  return {
    model,

    async insert(deliveries: DeliveryDoc[], session: ClientSession): Promise<void> {
      if (deliveries.length > 0) await model.insertMany(deliveries, { session });
    },

    async byId(id: string): Promise<DeliveryDoc | null> {
      return model.findById(id).lean<DeliveryDoc>();
    },

    /** Returns open messages that became due after `after`, longest overdue first. */
    async due(after: Date, now: Date, limit: number): Promise<DueDelivery[]> {
      return model
        .find({ status: 'OPEN', nextLookAt: { $gt: after, $lte: now } }, { attempts: 1, nextLookAt: 1 })
        .sort({ nextLookAt: 1 })
        .limit(limit)
        .lean<DueDelivery[]>();
    },

    /** Postpones an open message to a later sweep without counting an attempt. */
    async putOff(id: string, nextLookAt: Date): Promise<void> {
      await model.updateOne({ _id: id, status: 'OPEN' }, { $set: { nextLookAt } });
    },

    /** Returns the earliest due time of an open message, which may be in the past, or null if none is open. */
    async nextDueAt(): Promise<Date | null> {
      const next = await model
        .findOne({ status: 'OPEN' }, { nextLookAt: 1 })
        .sort({ nextLookAt: 1 })
        .lean<Pick<DeliveryDoc, 'nextLookAt'>>();
      return next?.nextLookAt ?? null;
    },

    /** Records an attempt to send an open message. */
    async tried(
      id: string,
      outcome: Pick<DeliveryDoc, 'status' | 'nextLookAt'> & { lastOutcome: string },
    ): Promise<void> {
      await model.updateOne({ _id: id, status: 'OPEN' }, { $set: outcome, $inc: { attempts: 1 } });
    },

    async dropOfUser(tenant: Tenant, userRef: UserRef, session: ClientSession): Promise<void> {
      await model.deleteMany({ tenant, userRef }, { session });
    },

    async dropOpenOfTenant(tenant: Tenant, session: ClientSession): Promise<void> {
      await model.deleteMany({ tenant, status: 'OPEN' }, { session });
    },
  };
}
