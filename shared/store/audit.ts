import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { PartnerId, Tenant } from '../domain/ids';

/** Who did something. */
export type Actor =
  | { kind: 'OPERATOR'; via: 'ADMIN_API' | 'CLI' }
  | { kind: 'APPLICANT' }
  | { kind: 'PARTNER'; partnerId: PartnerId }
  | { kind: 'AGENT'; agentId: string }
  | { kind: 'SYSTEM' };

/** Whose chain an entry belongs to: a tenant's (a partner's own affairs stand in its live one), or the registry's. */
export type AuditChain = Tenant | 'registry';

/** One append-only entry, written in the transaction of the change it tells of. Never holds a key or its hash. */
export interface AuditDoc {
  /** Deterministic where a retry could write it twice. */
  _id: string;
  chain: AuditChain;
  /** Null: not about a partner (yet). */
  partnerId: PartnerId | null;
  action: string;
  target: string;
  actor: Actor;
  reason: string | null;
  requestId: string;
  cascadeId: string | null;
  before: unknown;
  after: unknown;
  at: Date;
  /** Set by the sealer: the entry's place in its chain and the hashes that hold it there. */
  sealed: boolean;
  seq?: number;
  previousHash?: string;
  hash?: string;
}

export type NewAuditEntry = Omit<AuditDoc, 'sealed' | 'seq' | 'previousHash' | 'hash'>;

const schema = new Schema<AuditDoc>(
  {
    _id: String,
    chain: { type: String, required: true },
    partnerId: { type: String, default: null },
    action: { type: String, required: true },
    target: { type: String, required: true },
    actor: { type: Schema.Types.Mixed, required: true },
    reason: String,
    requestId: { type: String, required: true },
    cascadeId: { type: String, default: null },
    before: Schema.Types.Mixed,
    after: Schema.Types.Mixed,
    at: { type: Date, required: true },
    sealed: { type: Boolean, required: true },
    seq: Number,
    previousHash: String,
    hash: String,
  },
  { collection: 'audit', versionKey: false, strict: 'throw', minimize: false },
);
schema.index({ chain: 1, at: -1, _id: -1 });
schema.index({ chain: 1, seq: 1 }, { unique: true, partialFilterExpression: { sealed: true } });
schema.index({ chain: 1, at: 1, _id: 1 }, { partialFilterExpression: { sealed: false } });
schema.index({ cascadeId: 1 }, { partialFilterExpression: { cascadeId: { $type: 'string' } } });

export function auditStore(connection: Connection) {
  const model = connection.model<AuditDoc>('AuditEntry', schema);
  return {
    model,

    async append(entry: NewAuditEntry, session: ClientSession): Promise<void> {
      await model.create([{ ...entry, sealed: false }], { session });
    },

    /** Many entries in one call of the driver. */
    async appendMany(entries: NewAuditEntry[], session: ClientSession): Promise<void> {
      const docs = entries.map((entry) => ({ ...entry, sealed: false }));
      await model.collection.insertMany(docs as never[], { session, ordered: true });
    },

    async countOfCascade(cascadeId: string): Promise<number> {
      return model.countDocuments({ cascadeId }).read('primary');
    },
  };
}

export type AuditStore = ReturnType<typeof auditStore>;
