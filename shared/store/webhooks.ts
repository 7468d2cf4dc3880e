import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { Tenant } from '../domain/ids';
import type { ReceiverFormat } from '../domain/receiver';
import { LINK_WEBHOOK_TYPES, MAX_WEBHOOKS_PER_TENANT, type WebhookType, webhookIdOf } from '../domain/webhook';
import { type ListPage, listPage, type Position } from './list-page';

/** A webhook endpoint or a receiver, with the encrypted secrets that sign its messages. */
export interface WebhookDoc {
  /**
   * A random ID, or the tenant. An endpoint that was set through `/partners/webhook` has the tenant as its ID, so that
   * processes of earlier versions find it during an upgrade. Secrets are encrypted for this ID.
   */
  _id: string;
  /** Absent, like the fields below that are optional, in rows from earlier versions, whose `_id` is the tenant. */
  tenant?: Tenant;
  /** A number below the maximum number of endpoints. Unique per tenant, so that no more endpoints can exist. */
  slot?: number;
  url: string;
  /** Absent only for receivers of Security Event Tokens, which MIR signs with a key of its own. */
  sealedSecret?: string;
  /** Secrets that a rotation replaced and that still sign messages, oldest first. */
  previousSecrets?: { sealedSecret: string; validUntil: Date }[];
  /** Null for all types. Absent for the types that earlier versions had. */
  types?: WebhookType[] | null;
  createdAt: Date;
  /** When `PUT /partners/webhook` last changed the endpoint. */
  setAt?: Date;
  /** The first failed attempt since the last successful one. Absent while messages are delivered. */
  failingSince?: Date;
  disabledAt?: Date;
  disabledReason?: 'REQUESTED' | 'FAILING';
  /** Messages created in this period are being sent again, if they were not delivered. */
  recovery?: { since: Date; until: Date };
  /** Present only for receivers, like the fields below. */
  format?: ReceiverFormat;
  /** Receivers have this field instead of `slot`, so queries for webhook endpoints do not find them. */
  receiverSlot?: number;
  lastAcknowledgedAt?: Date;
  lastError?: { at: Date; code: string };
}

/** An unset field is removed. */
interface WebhookChange {
  set?: Partial<WebhookDoc>;
  unset?: readonly (keyof WebhookDoc)[];
}

const schema = new Schema<WebhookDoc>(
  {
    _id: String,
    tenant: String,
    slot: Number,
    url: String,
    sealedSecret: String,
    previousSecrets: { type: [{ _id: false, sealedSecret: String, validUntil: Date }], default: undefined },
    types: { type: [String], default: undefined },
    createdAt: Date,
    setAt: Date,
    failingSince: Date,
    disabledAt: Date,
    disabledReason: String,
    recovery: { type: { _id: false, since: Date, until: Date }, default: undefined },
    format: String,
    receiverSlot: Number,
    lastAcknowledgedAt: Date,
    lastError: { type: { _id: false, at: Date, code: String }, default: undefined },
  },
  { collection: 'webhooks', versionKey: false, strict: 'throw' },
);
schema.index({ tenant: 1, slot: 1 }, { unique: true, partialFilterExpression: { slot: { $exists: true } } });
schema.index(
  { tenant: 1, receiverSlot: 1 },
  { unique: true, partialFilterExpression: { receiverSlot: { $exists: true } } },
);
schema.index({ 'recovery.until': 1 }, { partialFilterExpression: { 'recovery.until': { $exists: true } } });
schema.index({ failingSince: 1, _id: 1 }, { partialFilterExpression: { failingSince: { $exists: true } } });
schema.index({ disabledAt: 1, _id: 1 }, { partialFilterExpression: { disabledAt: { $exists: true } } });

/** Maximum number of disabled endpoints that are counted. */
const MAX_COUNTED = 10_000;

/** Returns the types that an endpoint receives, or null for all types. */
export function typesOf({ types }: Pick<WebhookDoc, 'types'>): readonly WebhookType[] | null {
  return types === undefined ? LINK_WEBHOOK_TYPES : types;
}

/** Returns the lowest free slot, or null if the tenant has as many endpoints as it can have. */
export function freeSlot(endpoints: readonly WebhookDoc[]): number | null {
  // An endpoint from earlier versions has no slot, and counts as the first one.
  const taken = new Set(endpoints.map(({ slot = 0 }) => slot));
  if (endpoints.length >= MAX_WEBHOOKS_PER_TENANT) return null;
  return Array.from({ length: MAX_WEBHOOKS_PER_TENANT }, (_, slot) => slot).find((slot) => !taken.has(slot)) ?? null;
}

export function webhooksStore(connection: Connection) {
  const model = connection.model<WebhookDoc>('Webhook', schema);
  return {
    model,

    /** Returns a tenant's endpoints, oldest first. The one with the alias `/partners/webhook` is always the first. */
    async ofTenant(tenant: Tenant, session?: ClientSession): Promise<WebhookDoc[]> {
      const found = await model
        // The condition on the slot makes the server use the partial index.
        .find({ $or: [{ _id: tenant }, { tenant, slot: { $exists: true } }] })
        .session(session ?? null)
        .limit(MAX_WEBHOOKS_PER_TENANT + 1)
        .lean<WebhookDoc[]>();
      const isFirst = ({ _id }: WebhookDoc): number => Number(_id === tenant);
      return found.sort(
        (a, b) =>
          isFirst(b) - isFirst(a) || a.createdAt.getTime() - b.createdAt.getTime() || (a.slot ?? 0) - (b.slot ?? 0),
      );
    },

    /** Returns a tenant's endpoint by its public ID, or null if the tenant has no such endpoint. */
    async find(tenant: Tenant, webhookId: string, session?: ClientSession): Promise<WebhookDoc | null> {
      return (await this.ofTenant(tenant, session)).find(({ _id }) => webhookIdOf(_id) === webhookId) ?? null;
    },

    /** Returns endpoints by ID. Leaves out those that do not exist. */
    async byIds(endpointIds: readonly string[]): Promise<Map<string, WebhookDoc>> {
      const found = await model.find({ _id: { $in: [...endpointIds] } }).lean<WebhookDoc[]>();
      return new Map(found.map((endpoint) => [endpoint._id, endpoint]));
    },

    async insert(webhook: WebhookDoc, session: ClientSession): Promise<void> {
      await model.create([webhook], { session });
    },

    /** Changes an endpoint. Returns null if it was deleted. */
    async change(
      endpointId: string,
      { set = {}, unset = [] }: WebhookChange,
      session: ClientSession,
    ): Promise<WebhookDoc | null> {
      const $unset = Object.fromEntries(unset.map((field) => [field, 1]));
      return model
        .findOneAndUpdate({ _id: endpointId }, { $set: set, $unset }, { session, returnDocument: 'after' })
        .lean<WebhookDoc>();
    },

    /** Returns true if there was an endpoint to remove. */
    async remove(endpointId: string, session: ClientSession): Promise<boolean> {
      return (await model.deleteOne({ _id: endpointId }, { session })).deletedCount === 1;
    },

    /** Records that an endpoint fails, unless it already did. */
    async recordFailure(endpointId: string, at: Date): Promise<void> {
      await model.updateOne({ _id: endpointId, failingSince: { $exists: false } }, { $set: { failingSince: at } });
    },

    async recordSuccess(endpointId: string): Promise<void> {
      await model.updateOne({ _id: endpointId }, { $unset: { failingSince: 1 } });
    },

    /** Disables an endpoint that has failed since `failedSince` or earlier. Returns null if it has not. */
    async disableFailing(endpointId: string, failedSince: Date, session: ClientSession): Promise<WebhookDoc | null> {
      return model
        .findOneAndUpdate(
          { _id: endpointId, disabledAt: { $exists: false }, failingSince: { $lte: failedSince } },
          { $set: { disabledAt: new Date(), disabledReason: 'FAILING' }, $unset: { recovery: 1 } },
          { session, returnDocument: 'after' },
        )
        .lean<WebhookDoc>();
    },

    /** Returns endpoints whose messages are being recovered, longest first. */
    async recovering(limit: number): Promise<WebhookDoc[]> {
      return model
        .find({ 'recovery.until': { $exists: true } })
        .sort({ 'recovery.until': 1 })
        .limit(limit)
        .lean<WebhookDoc[]>();
    },

    /** Ends a recovery, unless a later request extended it. */
    async endRecovery({ _id, recovery }: WebhookDoc): Promise<void> {
      await model.updateOne({ _id, 'recovery.until': recovery!.until }, { $unset: { recovery: 1 } });
    },

    /**
     * Returns a page of the webhook endpoints of all tenants, without receivers: those that fail, longest first, or those
     * that are disabled, most recently disabled first.
     */
    async list(state: 'FAILING' | 'DISABLED', after: Position | null, limit: number): Promise<ListPage<WebhookDoc>> {
      // The condition on the time makes the server use the partial index.
      const page = { indexed: {}, fromMs: 0, after, limit };
      const filter = { format: { $exists: false } };
      if (state === 'DISABLED') {
        return listPage<WebhookDoc>(model, { ...page, time: 'disabledAt', backwards: true, filter });
      }
      const enabled = { ...filter, disabledAt: { $exists: false } };
      return listPage<WebhookDoc>(model, { ...page, time: 'failingSince', direction: 1, filter: enabled });
    },

    /** Counts the enabled webhook endpoints, without receivers, at which every attempt has failed since `since` or longer. */
    async countFailing(since: Date): Promise<number> {
      return model.countDocuments(
        { failingSince: { $lte: since }, disabledAt: { $exists: false }, format: { $exists: false } },
        { limit: MAX_COUNTED },
      );
    },

    async countDisabled(): Promise<number> {
      return model.countDocuments({ disabledAt: { $exists: true } }, { limit: MAX_COUNTED });
    },
  };
}
