import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChainPosition } from '../domain/audit-chain';
import type { AuditChain } from './audit';
import { classifyStoreError } from './errors';

/** The newest sealed entry of a chain. Written by its sealer only. */
export interface AuditHeadDoc extends ChainPosition {
  _id: AuditChain;
  /** The latest time that a sealed entry tells of. */
  sealedThrough: Date;
}

const schema = new Schema<AuditHeadDoc>(
  {
    _id: String,
    seq: { type: Number, required: true },
    hash: { type: String, required: true },
    sealedThrough: { type: Date, required: true },
  },
  { collection: 'audit_heads', versionKey: false, strict: 'throw' },
);

export function auditHeadsStore(connection: Connection) {
  const model = connection.model<AuditHeadDoc>('AuditHead', schema);
  return {
    model,

    async get(chain: AuditChain, session?: ClientSession): Promise<AuditHeadDoc | null> {
      return model
        .findById(chain)
        .session(session ?? null)
        .read('primary')
        .lean<AuditHeadDoc>();
    },

    /** Moves a chain's head on; `moved: false` when it is no longer where `from` says: another sealer was first. */
    async move(from: AuditHeadDoc | null, to: AuditHeadDoc, session: ClientSession): Promise<{ moved: boolean }> {
      if (!from) {
        try {
          await model.create([to], { session });
          return { moved: true };
        } catch (error) {
          if (classifyStoreError(error) === 'duplicate') return { moved: false };
          throw error;
        }
      }
      const { _id, seq, hash } = from;
      const { matchedCount } = await model.updateOne({ _id, seq, hash }, { $set: to }, { session });
      return { moved: matchedCount === 1 };
    },
  };
}
