import { type ClientSession, type Connection, Schema } from 'mongoose';
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
  /** Agents that could not be revoked, set aside while the rest goes on. Bounded. */
  parked: string[];
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
    parked: [String],
    createdAt: { type: Date, required: true },
    closedAt: Date,
  },
  { collection: 'cascades', versionKey: false, strict: 'throw' },
);
schema.index({ status: 1, createdAt: 1 }, { partialFilterExpression: { closedAt: null } });
schema.index({ agentId: 1, closedAt: 1 });

export function cascadesStore(connection: Connection) {
  const model = connection.model<CascadeDoc>('Cascade', schema);
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

    /** Cascades that are not closed, oldest first. */
    async open(limit: number): Promise<CascadeDoc[]> {
      return model.find({ closedAt: null }).sort({ createdAt: 1 }).limit(limit).lean<CascadeDoc[]>();
    },

    async update(cascadeId: string, change: Partial<CascadeDoc>): Promise<void> {
      await model.updateOne({ _id: cascadeId, closedAt: null }, { $set: change });
    },
  };
}

export type CascadesStore = ReturnType<typeof cascadesStore>;
