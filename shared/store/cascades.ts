import { type ClientSession, type Connection, Schema, type UpdateQuery } from 'mongoose';
import type { Tenant } from '../domain/ids';
import type { Actor } from './audit';

export type CascadeStatus = 'RUNNING' | 'CLOSED' | 'PARTIAL';

/** A kill, written before anything else: what is not CLOSED is taken up again by a sweep. */
export interface CascadeDoc {
  _id: string;
  tenant: Tenant;
  agentId: string;
  reason: string | null;
  actor: Actor;
  requestId: string;
  status: CascadeStatus;
  /** Queue store's time from which everything below is refused; null until it was confirmed. */
  effectiveAt: Date | null;
  affected: number | null;
  revoked: number;
  /** Agents that could not be revoked, set aside while the rest went on: how many, and some of them. */
  parkedCount: number;
  parked: string[];
  /** How often a try ended with something parked, and when the sweep looks at an open cascade again. */
  partialTries: number;
  nextLookAt: Date;
  createdAt: Date;
  closedAt: Date | null;
}

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
  },
  { collection: 'cascades', versionKey: false, strict: 'throw' },
);
schema.index({ nextLookAt: 1 }, { partialFilterExpression: { closedAt: null } });
schema.index({ agentId: 1, createdAt: -1 });

/** Every open cascade, in a form that the partial index serves: a cascade is never deleted, so a scan would grow permanently. */
const OPEN = { closedAt: null, nextLookAt: { $gt: new Date(0) } };

/** Cascades of one agent are made one after the other, and a closed one never changes. */
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

    /** The newest cascade of an agent. */
    async latestOf(agentId: string, session: ClientSession): Promise<CascadeDoc | null> {
      return model.findOne({ agentId }).sort({ createdAt: -1 }).session(session).lean<CascadeDoc>();
    },

    /** Open cascades that are due for a look, the longest waiting first. */
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

    /** The longest open cascade; null: none is open. */
    async oldestOpen(): Promise<Pick<CascadeDoc, '_id' | 'createdAt'> | null> {
      return model.findOne(OPEN, { createdAt: 1 }).sort({ createdAt: 1 }).lean<Pick<CascadeDoc, '_id' | 'createdAt'>>();
    },

    /** Open cascades, the oldest first. */
    async open(limit: number): Promise<CascadeDoc[]> {
      return model.find(OPEN).sort({ createdAt: 1 }).limit(limit).lean<CascadeDoc[]>();
    },

    /** Notes from when a kill is in force; an earlier time that was noted stays. */
    async inForceSince(cascadeId: string, effectiveAt: Date): Promise<void> {
      await model.updateOne(
        { _id: cascadeId, $or: [{ effectiveAt: null }, { effectiveAt: { $gt: effectiveAt } }] },
        { $set: { effectiveAt } },
      );
    },

    /** Returns, for each of the agents that was killed, the earliest time from which a kill of it is in force. */
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

    /** Never moves back: two workers may be at it for a while. */
    async recordProgress(cascadeId: string, revoked: number): Promise<void> {
      await change(cascadeId, { $max: { revoked } });
    },

    /** Ends a try that had to leave some agents as they are. */
    async partial(
      cascadeId: string,
      left: Pick<CascadeDoc, 'affected' | 'revoked' | 'parked' | 'parkedCount' | 'nextLookAt'>,
    ): Promise<void> {
      await change(cascadeId, { $set: { ...left, status: 'PARTIAL' }, $inc: { partialTries: 1 } });
    },

    async close(cascadeId: string, revoked: number, closedAt: Date): Promise<void> {
      const done = { affected: revoked, revoked, parked: [], parkedCount: 0 };
      await change(cascadeId, { $set: { ...done, status: 'CLOSED', closedAt } });
    },
  };
}
