import { type ClientSession, type Connection, Schema, type UpdateQuery } from 'mongoose';
import type { Tenant } from '../domain/ids';
import type { Actor } from './audit';
import type { PushError } from './receivers';

export type CascadeStatus = 'RUNNING' | 'CLOSED' | 'PARTIAL';

/** A receiver that existed when the kill was ordered, and what became of the push to it. */
interface CascadeReceiver {
  receiverId: string;
  url: string;
  acknowledgedAt?: Date;
  /** The latest failed attempt. */
  lastError?: PushError;
}

/** Where the audit chain contains the kill and its revocations. Recorded once all of them are sealed. */
interface CascadeAudit {
  from: number;
  to: number;
  /** Hash of the entry at `to`. */
  headHash: string;
}

/**
 * A kill and its progress. The row is written before any agent is revoked. A sweep resumes the cascade until it is
 * CLOSED.
 */
export interface CascadeDoc {
  _id: string;
  tenant: Tenant;
  agentId: string;
  reason: string | null;
  actor: Actor;
  requestId: string;
  status: CascadeStatus;
  /**
   * When the subtree's keys stopped working, according to the clock of the queue Redis. Null until Redis confirms the
   * kill.
   */
  effectiveAt: Date | null;
  affected: number | null;
  revoked: number;
  /** Number of agents that could not be revoked and were quarantined. `parked` lists some of their IDs. */
  parkedCount: number;
  parked: string[];
  /** Number of attempts that ended with quarantined agents. */
  partialTries: number;
  /** When a sweep next resumes the cascade. */
  nextLookAt: Date;
  createdAt: Date;
  closedAt: Date | null;
  /** Absent in rows from earlier versions, like the field below. */
  receivers?: CascadeReceiver[];
  sealed?: CascadeAudit;
}

const errorSchema = new Schema({ at: Date, code: String }, { _id: false });

const schema = new Schema<CascadeDoc>(
  {
    _id: String,
    tenant: { type: String, required: true },
    agentId: { type: String, required: true },
    reason: String,
    actor: { type: Schema.Types.Mixed, required: true },
    requestId: { type: String, required: true },
    status: { type: String, required: true },
    effectiveAt: Date,
    affected: Number,
    revoked: { type: Number, required: true },
    parkedCount: { type: Number, required: true },
    parked: [String],
    partialTries: { type: Number, required: true },
    nextLookAt: { type: Date, required: true },
    createdAt: { type: Date, required: true },
    closedAt: Date,
    receivers: {
      type: [{ _id: false, receiverId: String, url: String, acknowledgedAt: Date, lastError: errorSchema }],
      default: undefined,
    },
    sealed: { type: { _id: false, from: Number, to: Number, headHash: String }, default: undefined },
  },
  { collection: 'cascades', versionKey: false, strict: 'throw' },
);
schema.index({ nextLookAt: 1 }, { partialFilterExpression: { closedAt: null } });
schema.index({ agentId: 1, createdAt: -1 });
schema.index({ createdAt: -1 });

/**
 * Matches open cascades through the partial index. Cascades are never deleted, so a scan would become slower over time.
 */
const OPEN = { closedAt: null, nextLookAt: { $gt: new Date(0) } };

/**
 * Creates the cascade store. An agent's cascades are created one at a time. Of closed cascades, only what receivers
 * acknowledged and the sealed audit range change.
 */
export function cascadesStore(connection: Connection) {
  const model = connection.model<CascadeDoc>('Cascade', schema);
  const change = async (cascadeId: string, update: UpdateQuery<CascadeDoc>): Promise<void> => {
    await model.updateOne({ _id: cascadeId, closedAt: null }, update);
  };
  return {
    model,

    async insert(cascade: CascadeDoc, session: ClientSession): Promise<void> {
      await model.create([cascade], { session });
    },

    async get(tenant: Tenant, cascadeId: string): Promise<CascadeDoc | null> {
      return model.findOne({ _id: cascadeId, tenant }).lean<CascadeDoc>();
    },

    async byId(cascadeId: string): Promise<CascadeDoc | null> {
      return model.findById(cascadeId).read('primary').lean<CascadeDoc>();
    },

    /** Returns the latest kill of an agent. */
    async latestOf(agentId: string, session?: ClientSession): Promise<CascadeDoc | null> {
      return model
        .findOne({ agentId })
        .sort({ createdAt: -1 })
        .session(session ?? null)
        .lean<CascadeDoc>();
    },

    /** Returns the latest kills of all partners, newest first. */
    async latest(limit: number): Promise<CascadeDoc[]> {
      return model.find().sort({ createdAt: -1 }).limit(limit).lean<CascadeDoc[]>();
    },

    /** Returns open cascades that are due, longest overdue first. */
    async due(now: Date, limit: number): Promise<Pick<CascadeDoc, '_id'>[]> {
      return model
        .find({ closedAt: null, nextLookAt: { $lte: now } }, { _id: 1 })
        .sort({ nextLookAt: 1 })
        .limit(limit)
        .lean<Pick<CascadeDoc, '_id'>[]>();
    },

    async countOpen(status: CascadeStatus): Promise<number> {
      return model.countDocuments({ ...OPEN, status });
    },

    async oldestOpen(): Promise<Pick<CascadeDoc, '_id' | 'createdAt'> | null> {
      return model.findOne(OPEN, { createdAt: 1 }).sort({ createdAt: 1 }).lean<Pick<CascadeDoc, '_id' | 'createdAt'>>();
    },

    /** Returns when the last kill was ordered, or null if there was none. */
    async latestAt(): Promise<Date | null> {
      const latest = await model
        .findOne({}, { createdAt: 1 })
        .sort({ createdAt: -1 })
        .lean<Pick<CascadeDoc, 'createdAt'>>();
      return latest?.createdAt ?? null;
    },

    /** Returns open cascades, oldest first. */
    async open(limit: number): Promise<CascadeDoc[]> {
      return model.find(OPEN).sort({ createdAt: 1 }).limit(limit).lean<CascadeDoc[]>();
    },

    /** Records when a kill took effect. Does not overwrite an earlier time. */
    async inForceSince(cascadeId: string, effectiveAt: Date): Promise<void> {
      await model.updateOne(
        { _id: cascadeId, $or: [{ effectiveAt: null }, { effectiveAt: { $gt: effectiveAt } }] },
        { $set: { effectiveAt } },
      );
    },

    /** Returns when each agent's earliest kill took effect. Agents that were not killed have no entry. */
    async killTimes(agentIds: readonly string[]): Promise<Map<string, Date>> {
      const kills = await model
        .find({ agentId: { $in: [...agentIds] }, effectiveAt: { $ne: null } }, { agentId: 1, effectiveAt: 1 })
        .sort({ effectiveAt: -1 })
        .read('primary')
        .lean<Pick<CascadeDoc, 'agentId' | 'effectiveAt'>[]>();
      return new Map(kills.map(({ agentId, effectiveAt }) => [agentId, effectiveAt!]));
    },

    async recordAffected(cascadeId: string, affected: number): Promise<void> {
      await change(cascadeId, { $set: { affected } });
    },

    /** Records the number of revoked agents. Never lowers it, because two workers may briefly run the same cascade. */
    async recordProgress(cascadeId: string, revoked: number): Promise<void> {
      await change(cascadeId, { $max: { revoked } });
    },

    /** Records the result of an attempt that quarantined some agents. */
    async partial(
      cascadeId: string,
      result: Pick<CascadeDoc, 'affected' | 'revoked' | 'parked' | 'parkedCount' | 'nextLookAt'>,
    ): Promise<void> {
      await change(cascadeId, { $set: { ...result, status: 'PARTIAL' }, $inc: { partialTries: 1 } });
    },

    /** Records that a receiver acknowledged a kill. Keeps the first time. */
    async recordAcknowledgement(tenant: Tenant, cascadeId: string, receiverId: string, at: Date): Promise<void> {
      await model.updateOne(
        { _id: cascadeId, tenant, receivers: { $elemMatch: { receiverId, acknowledgedAt: { $exists: false } } } },
        { $set: { 'receivers.$.acknowledgedAt': at } },
      );
    },

    /** Records a failed attempt to push a kill to a receiver that has not acknowledged it. */
    async recordPushError(tenant: Tenant, cascadeId: string, receiverId: string, lastError: PushError): Promise<void> {
      await model.updateOne(
        { _id: cascadeId, tenant, receivers: { $elemMatch: { receiverId, acknowledgedAt: { $exists: false } } } },
        { $set: { 'receivers.$.lastError': lastError } },
      );
    },

    /** Records where the audit chain contains a closed cascade, unless that is recorded already. */
    async recordSealed(tenant: Tenant, cascadeId: string, sealed: CascadeAudit): Promise<void> {
      await model.updateOne(
        { _id: cascadeId, tenant, closedAt: { $ne: null }, sealed: { $exists: false } },
        { $set: { sealed } },
      );
    },

    /** Closes a cascade. Returns false if it was closed already. */
    async close(cascadeId: string, revoked: number, closedAt: Date, session: ClientSession): Promise<boolean> {
      const done = { affected: revoked, revoked, parked: [], parkedCount: 0 };
      const { matchedCount } = await model.updateOne(
        { _id: cascadeId, closedAt: null },
        { $set: { ...done, status: 'CLOSED', closedAt } },
        { session },
      );
      return matchedCount === 1;
    },
  };
}
