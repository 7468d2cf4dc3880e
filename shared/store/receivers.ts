import type { ClientSession, Model } from 'mongoose';
import type { Tenant } from '../domain/ids';
import { MAX_RECEIVERS_PER_TENANT, type ReceiverFormat } from '../domain/receiver';
import type { WebhookDoc } from './webhooks';

/** A receiver: an endpoint that gets a push when an agent's rights change, instead of messages of chosen types. */
export interface ReceiverDoc extends WebhookDoc {
  tenant: Tenant;
  format: ReceiverFormat;
  /** A number below the maximum number of receivers. Unique per tenant, so that no more receivers can exist. */
  receiverSlot: number;
}

/** Why an attempt failed, as the kill report shows it: an HTTP status or an error code. */
export interface PushError {
  at: Date;
  code: string;
}

export function isReceiver(endpoint: WebhookDoc): endpoint is ReceiverDoc {
  return endpoint.format !== undefined;
}

/** Returns the lowest free slot, or null if the tenant has as many receivers as it can have. */
export function freeReceiverSlot(receivers: readonly ReceiverDoc[]): number | null {
  const taken = new Set(receivers.map(({ receiverSlot }) => receiverSlot));
  const slots = Array.from({ length: MAX_RECEIVERS_PER_TENANT }, (_, slot) => slot);
  return slots.find((slot) => !taken.has(slot)) ?? null;
}

/** Queries for receivers, which share a collection with webhook endpoints. */
export function receiverQueries(model: Model<WebhookDoc>) {
  return {
    /** Returns a tenant's receivers, oldest first. */
    async receiversOf(tenant: Tenant, session?: ClientSession): Promise<ReceiverDoc[]> {
      return model
        .find({ tenant, receiverSlot: { $exists: true } })
        .sort({ receiverSlot: 1 })
        .session(session ?? null)
        .limit(MAX_RECEIVERS_PER_TENANT)
        .lean<ReceiverDoc[]>();
    },

    /** Removes a receiver. Returns null if the tenant has no such receiver. */
    async removeReceiver(tenant: Tenant, receiverId: string, session: ClientSession): Promise<ReceiverDoc | null> {
      return model
        .findOneAndDelete({ _id: receiverId, tenant, receiverSlot: { $exists: true } }, { session })
        .lean<ReceiverDoc>();
    },

    /** Records that a receiver acknowledged a push. */
    async recordAcknowledgement(receiverId: string, at: Date): Promise<void> {
      await model.updateOne({ _id: receiverId }, { $max: { lastAcknowledgedAt: at } });
    },

    /** Records the latest failed attempt. */
    async recordPushError(receiverId: string, lastError: PushError): Promise<void> {
      await model.updateOne({ _id: receiverId }, { $set: { lastError } });
    },
  };
}
