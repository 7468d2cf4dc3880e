import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { ChainPosition } from '../domain/audit-chain';
import type { AuditChain } from './audit';
import { classifyStoreError } from './errors';

/** The newest sealed entry in a chain. Only the sealer writes it. */
export interface AuditHeadDoc extends ChainPosition {
  _id: AuditChain;
  /** The latest `at` of any sealed entry in the chain. */
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

    /** Returns the position of each chain's head. Omits chains without sealed entries. */
    async seqsOf(chains: readonly AuditChain[]): Promise<Map<AuditChain, number>> {
      const heads = await model
        .find({ _id: { $in: [...chains] } }, { seq: 1 })
        .read('primary')
        .lean<Pick<AuditHeadDoc, '_id' | 'seq'>[]>();
      return new Map(heads.map(({ _id, seq }) => [_id, seq]));
    },

    /** Returns the next chain by name, or null if there is none. */
    async nextChain(after: AuditChain): Promise<AuditChain | null> {
      const next = await model
        .findOne({ _id: { $gt: after } }, { _id: 1 })
        .sort({ _id: 1 })
        .lean<{ _id: AuditChain }>();
      return next?._id ?? null;
    },

    /** Advances a chain's head. `moved` is false if another sealer has advanced it since `from` was read. */
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
