import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { PartnerId } from '../domain/ids';

/** Who did something: an operator (admin route or CLI), somebody who applies without a key, or the system itself. */
export type Actor = { kind: 'OPERATOR'; via: 'ADMIN_API' | 'CLI' } | { kind: 'APPLICANT' } | { kind: 'SYSTEM' };

/** One append-only entry, written in the transaction of the change it tells of. Never holds a key or its hash. */
export interface AuditDoc {
  _id: string;
  /** Null: not about a partner (yet). */
  partnerId: PartnerId | null;
  action: string;
  target: string;
  actor: Actor;
  reason?: string;
  requestId: string;
  before?: unknown;
  after?: unknown;
  at: Date;
}

const schema = new Schema<AuditDoc>(
  {
    _id: String,
    partnerId: { type: String, default: null },
    action: { type: String, required: true },
    target: { type: String, required: true },
    actor: { type: Schema.Types.Mixed, required: true },
    reason: String,
    requestId: { type: String, required: true },
    before: Schema.Types.Mixed,
    after: Schema.Types.Mixed,
    at: { type: Date, required: true },
  },
  { collection: 'audit', versionKey: false, strict: 'throw' },
);
schema.index({ partnerId: 1, at: -1, _id: -1 });

export function auditStore(connection: Connection) {
  const model = connection.model<AuditDoc>('AuditEntry', schema);
  return {
    model,
    async append(entry: AuditDoc, session: ClientSession): Promise<void> {
      await model.create([entry], { session });
    },
  };
}

export type AuditStore = ReturnType<typeof auditStore>;
