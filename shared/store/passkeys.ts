import { type Connection, Schema } from 'mongoose';

/** A passkey of a staff account: a public key that an authenticator holds the private key of. */
export interface PasskeyDoc {
  /** The authenticator's ID of the key, in base64url. */
  _id: string;
  staffId: string;
  name: string;
  /** COSE public key in base64url. */
  publicKey: string;
  /** Signatures so far, by which a copied key is noticed. */
  counter: number;
  transports: string[];
  createdAt: Date;
  lastUsedAt?: Date;
}

/** A challenge that an authenticator has to sign. Used once. */
interface ChallengeDoc {
  _id: string;
  challenge: string;
  /** Null for a login, which names no account. */
  staffId: string | null;
  expiresAt: Date;
}

const passkeySchema = new Schema<PasskeyDoc>(
  {
    _id: String,
    staffId: String,
    name: String,
    publicKey: String,
    counter: Number,
    transports: [String],
    createdAt: Date,
    lastUsedAt: Date,
  },
  { collection: 'staff_passkeys', versionKey: false, strict: 'throw' },
);
passkeySchema.index({ staffId: 1, createdAt: 1 });

const challengeSchema = new Schema<ChallengeDoc>(
  { _id: String, challenge: String, staffId: String, expiresAt: Date },
  { collection: 'staff_challenges', versionKey: false, strict: 'throw' },
);
challengeSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

export function passkeysStore(connection: Connection) {
  const model = connection.model<PasskeyDoc>('StaffPasskey', passkeySchema);
  return {
    model,

    async get(passkeyId: string): Promise<PasskeyDoc | null> {
      return model.findById(passkeyId).lean<PasskeyDoc>();
    },

    /** Returns an account's passkeys, oldest first. */
    async of(staffId: string): Promise<PasskeyDoc[]> {
      return model.find({ staffId }).sort({ createdAt: 1 }).lean<PasskeyDoc[]>();
    },

    async insert(passkey: PasskeyDoc): Promise<void> {
      await model.create([passkey]);
    },

    /** Records a login. Returns false if another login has used the same or a later signature. */
    async recordUse({ _id, counter: before }: PasskeyDoc, counter: number, at: Date): Promise<boolean> {
      const { matchedCount } = await model.updateOne({ _id, counter: before }, { $set: { counter, lastUsedAt: at } });
      return matchedCount === 1;
    },

    /** Removes a passkey of an account. Returns false if the account has no such passkey. */
    async remove(staffId: string, passkeyId: string): Promise<boolean> {
      return (await model.deleteOne({ _id: passkeyId, staffId })).deletedCount === 1;
    },
  };
}

export function challengesStore(connection: Connection) {
  const model = connection.model<ChallengeDoc>('StaffChallenge', challengeSchema);
  return {
    model,

    async insert(challenge: ChallengeDoc): Promise<void> {
      await model.create([challenge]);
    },

    /** Removes and returns an unexpired challenge for an account, or for a login. Returns null if there is none. */
    async take(id: string, staffId: string | null): Promise<string | null> {
      const doc = await model
        .findOneAndDelete({ _id: id, staffId, expiresAt: { $gt: new Date() } })
        .lean<ChallengeDoc>();
      return doc?.challenge ?? null;
    },
  };
}
