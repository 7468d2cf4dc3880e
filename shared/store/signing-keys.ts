import { type Connection, Schema } from 'mongoose';
import type { SigningKeyTerm } from '../domain/signing-key';
import { classifyStoreError } from './errors';

/** An Ed25519 key. Never deleted, because kill reports and their signatures can be read at any later time. */
export interface SigningKeyDoc extends SigningKeyTerm {
  /** The `kid`: the key's thumbprint (RFC 7638). */
  _id: string;
  /** `x` of the public JWK. */
  publicKey: string;
  /** `d` of the JWK, encrypted for this `kid`. Null once the key no longer signs. */
  encryptedPrivateKey: string | null;
  createdAt: Date;
}

const schema = new Schema<SigningKeyDoc>(
  {
    _id: String,
    generation: { type: Number, required: true },
    activeFrom: { type: Date, required: true },
    publicKey: { type: String, required: true },
    encryptedPrivateKey: { type: String, default: null },
    createdAt: { type: Date, required: true },
  },
  { collection: 'signing_keys', versionKey: false, strict: 'throw' },
);
schema.index({ generation: 1 }, { unique: true });

export function signingKeysStore(connection: Connection) {
  const model = connection.model<SigningKeyDoc>('SigningKey', schema);
  return {
    model,

    /** Returns all keys, oldest first: about four for each year. */
    async all(): Promise<SigningKeyDoc[]> {
      return model.find().sort({ generation: 1 }).read('primary').lean<SigningKeyDoc[]>();
    },

    /** Inserts a key, unless another process has inserted one of the same generation. */
    async insertOnce(key: SigningKeyDoc): Promise<void> {
      try {
        await model.create(key);
      } catch (error) {
        if (classifyStoreError(error) !== 'duplicate') throw error;
      }
    },

    /** Deletes the private parts of the keys before a generation. */
    async dropPrivateKeysBefore(generation: number): Promise<void> {
      await model.updateMany(
        { generation: { $lt: generation }, encryptedPrivateKey: { $ne: null } },
        { $set: { encryptedPrivateKey: null } },
      );
    },
  };
}
