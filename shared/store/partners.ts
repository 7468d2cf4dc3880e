import { hash as sha256 } from 'node:crypto';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { Env, PartnerId } from '../domain/ids';
import type { KeyGrant } from '../domain/partner-key';
import { KEY_SCOPES, type Scope } from '../domain/scopes';
import type { ExpiryPosition } from './expiry-cursors';
import { LIST_TIMEOUT_MS, type ListPage, listPage, type Position, startsWith } from './list-page';
import { streamOf } from './stream';

const IDS_PER_BATCH = 1_000;

type PartnerPlan = 'STANDARD' | 'ENTERPRISE';
export interface PartnerLimits {
  eventsPerMinute: number;
  requestsPerMinute: number;
  /** Maximum share of the events queue. Absent for the default. */
  queueSharePercent?: number;
}
/**
 * A partner's API key: its hash, and a prefix that identifies it in lists. A key that was rotated with overlap has a
 * second entry with the same ID, whose `expiresAt` is the end of the overlap.
 */
export interface PartnerKey {
  env: Env;
  hash: string;
  prefix: string;
  createdAt: Date;
  /** Absent, like the fields below, in keys from earlier versions. See `keyIdOf`. */
  id?: string;
  name?: string;
  /** Absent if the key has all scopes. */
  scopes?: Scope[];
  allowedEventTypes?: string[];
  allowedIps?: string[];
  expiresAt?: Date;
  /** IDs of the keys that this key descends from: its creator, the creator's creator, and so on. */
  creators?: string[];
  /** When a newer entry with the same ID replaced this one. */
  replacedAt?: Date;
  lastUsedAt?: Date;
}
export interface PartnerDoc {
  _id: PartnerId;
  name: string;
  website: string;
  contactEmail: string;
  plan: PartnerPlan;
  limits: PartnerLimits;
  suspended: boolean;
  allowedReturnOrigins: string[];
  keys: PartnerKey[];
  createdAt: Date;
  updatedAt: Date;
  /** Incremented by transactions that depend on the partner, so that concurrent changes conflict. */
  revision?: number;
}
/** A key that has an expiration time, and its partner. */
export interface ExpiringKey {
  partnerId: PartnerId;
  key: PartnerKey;
}
export type PartnerChange = Partial<
  Pick<PartnerDoc, 'plan' | 'limits' | 'suspended' | 'allowedReturnOrigins' | 'keys'>
>;

const schema = new Schema<PartnerDoc>(
  {
    _id: String,
    name: { type: String, required: true },
    website: { type: String, required: true },
    contactEmail: { type: String, required: true },
    plan: { type: String, enum: ['STANDARD', 'ENTERPRISE'], required: true },
    limits: { _id: false, eventsPerMinute: Number, requestsPerMinute: Number, queueSharePercent: Number },
    suspended: { type: Boolean, required: true },
    allowedReturnOrigins: [String],
    keys: [
      {
        _id: false,
        env: String,
        hash: String,
        prefix: String,
        createdAt: Date,
        id: String,
        name: String,
        scopes: { type: [String], default: undefined },
        allowedEventTypes: { type: [String], default: undefined },
        allowedIps: { type: [String], default: undefined },
        expiresAt: Date,
        creators: { type: [String], default: undefined },
        replacedAt: Date,
        lastUsedAt: Date,
      },
    ],
    createdAt: { type: Date, required: true },
    updatedAt: { type: Date, required: true },
    revision: Number,
  },
  { collection: 'partners', versionKey: false, strict: 'throw' },
);
// Without the condition, only one partner could have no keys.
schema.index({ 'keys.hash': 1 }, { unique: true, partialFilterExpression: { 'keys.hash': { $exists: true } } });
schema.index({ createdAt: -1, _id: -1 });
schema.index({ 'keys.expiresAt': 1 });
schema.index({ 'keys.id': 1 });
schema.index({ name: 1, _id: 1 });

export function partnersStore(connection: Connection) {
  const model = connection.model<PartnerDoc>('Partner', schema);
  return {
    model,

    async byKeyHash(hash: string): Promise<PartnerDoc | null> {
      return model.findOne({ 'keys.hash': hash }).read('primary').lean<PartnerDoc>();
    },

    async get(partnerId: string, session?: ClientSession): Promise<PartnerDoc | null> {
      return model
        .findById(partnerId)
        .session(session ?? null)
        .lean<PartnerDoc>();
    },

    /** Returns partners by ID. Partners that do not exist have no entry. */
    async many(partnerIds: PartnerId[]): Promise<Map<PartnerId, PartnerDoc>> {
      const docs = await model.find({ _id: { $in: partnerIds } }).lean<PartnerDoc[]>();
      return new Map(docs.map((doc) => [doc._id, doc]));
    },

    /** Returns the partner that has a key with this ID. Finds no keys from earlier versions, which have no stored ID. */
    async byKeyId(keyId: string): Promise<PartnerDoc | null> {
      return model.findOne({ 'keys.id': keyId }).hint({ 'keys.id': 1 }).maxTimeMS(LIST_TIMEOUT_MS).lean<PartnerDoc>();
    },

    /** Returns partners whose name starts with a text, in the order of their names. */
    async byName(text: string, limit: number): Promise<PartnerDoc[]> {
      const byName = { name: 1, _id: 1 } as const;
      return model
        .find({ name: startsWith(text) })
        .hint(byName)
        .sort(byName)
        .limit(limit)
        .maxTimeMS(LIST_TIMEOUT_MS)
        .lean<PartnerDoc[]>();
    },

    /** Streams the IDs of all partners. */
    ids(): AsyncIterable<Pick<PartnerDoc, '_id'>> {
      return streamOf(model, {}, { projection: { _id: 1 }, batchSize: IDS_PER_BATCH });
    },

    async insert(partner: PartnerDoc, session: ClientSession): Promise<void> {
      await model.create([partner], { session });
    },

    /** Applies a change to a partner. Returns null if the partner was changed or deleted since `before` was read. */
    async change(
      before: PartnerDoc,
      change: PartnerChange,
      at: Date,
      session: ClientSession,
    ): Promise<PartnerDoc | null> {
      return model
        .findOneAndUpdate(
          { _id: before._id, updatedAt: before.updatedAt },
          { $set: { ...change, updatedAt: new Date(Math.max(at.getTime(), before.updatedAt.getTime() + 1)) } },
          { returnDocument: 'after', session },
        )
        .lean<PartnerDoc>();
    },

    /** Writes to a partner, so that a concurrent change of the partner or its keys conflicts. Returns the partner. */
    async touch(partnerId: PartnerId, session: ClientSession): Promise<PartnerDoc | null> {
      return model
        .findOneAndUpdate({ _id: partnerId }, { $inc: { revision: 1 } }, { returnDocument: 'after', session })
        .lean<PartnerDoc>();
    },

    /** Records when keys, by hash, were last used. Times that are older than the recorded ones change nothing. */
    async recordKeyUse(uses: readonly (readonly [hash: string, at: Date])[]): Promise<void> {
      await model.bulkWrite(
        uses.map(([hash, at]) => ({
          updateOne: { filter: { 'keys.hash': hash }, update: { $max: { 'keys.$.lastUsedAt': at } } },
        })),
        { ordered: false, timestamps: false },
      );
    },

    /** Returns the keys that expire after a position and up to a time, soonest first. */
    async expiringKeys(
      after: ExpiryPosition,
      through: Date,
      limit: number,
      session: ClientSession,
    ): Promise<ExpiringKey[]> {
      const inRange = { $gte: after.at, $lte: through };
      return model
        .aggregate<ExpiringKey>([
          { $match: { keys: { $elemMatch: { expiresAt: inRange } } } },
          { $project: { _id: 0, partnerId: '$_id', key: '$keys' } },
          { $unwind: '$key' },
          { $match: { 'key.expiresAt': inRange } },
          { $match: { $or: [{ 'key.expiresAt': { $gt: after.at } }, { 'key.hash': { $gt: after.hash } }] } },
          { $sort: { 'key.expiresAt': 1, 'key.hash': 1 } },
          { $limit: limit },
        ])
        .session(session);
    },

    /** Returns a page of partners, newest first. */
    async list(after: Position | null, limit: number): Promise<ListPage<PartnerDoc>> {
      return listPage<PartnerDoc>(model, { time: 'createdAt', indexed: {}, after, limit });
    },
  };
}

const LEGACY_ID_LENGTH = 20;

/** Returns a key's ID. For a key from an earlier version, derives the ID from the hash, without revealing the hash. */
export function keyIdOf({ id, hash }: Pick<PartnerKey, 'id' | 'hash'>): string {
  return id ?? `key_${sha256('sha256', `key-id:${hash}`).slice(0, LEGACY_ID_LENGTH)}`;
}

/** Returns what a key may do. */
export function grantOf({ scopes, allowedEventTypes, allowedIps, expiresAt }: PartnerKey): KeyGrant {
  return {
    scopes: scopes ?? KEY_SCOPES,
    allowedEventTypes: allowedEventTypes ?? null,
    allowedIps: allowedIps ?? null,
    expiresAt: expiresAt ?? null,
  };
}
