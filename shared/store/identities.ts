import { type ClientSession, type Connection, Schema } from 'mongoose';
import { newId } from '../domain/ids';

/** A person's MIR account. Written by better-auth, whose adapter names the fields. */
export interface IdentityDoc {
  _id: string;
  /** Lower case. */
  email: string;
  emailVerified: boolean;
  name: string;
  createdAt: Date;
  updatedAt: Date;
  /** Grows with every link, so that a link and a deletion of the identity cannot both happen at once. */
  links?: number;
}

interface SessionDoc {
  _id: string;
  userId: string;
  /** SHA-256 of the token in the cookie. */
  token: string;
  createdAt: Date;
  expiresAt: Date;
}

interface AccountDoc {
  _id: string;
  userId: string;
  providerId: string;
  accountId: string;
  /** scrypt hash; absent for accounts of an OIDC provider. */
  password?: string;
}

interface VerificationDoc {
  _id: string;
  /** SHA-256 of what was mailed. */
  identifier: string;
  /** The identity that it is for. */
  value: string;
  expiresAt: Date;
}

const options = { versionKey: false, strict: false } as const;

const identitySchema = new Schema<IdentityDoc>(
  { _id: String, email: String, emailVerified: Boolean, name: String, createdAt: Date, updatedAt: Date, links: Number },
  { ...options, collection: 'identities' },
);
// The names are those that better-auth's adapter would give: it makes no second index beside them.
identitySchema.index({ email: 1 }, { name: 'identities_email_uidx', unique: true });
identitySchema.index({ emailVerified: 1, createdAt: 1 });

const sessionSchema = new Schema<SessionDoc>(
  { _id: String, userId: String, token: String, createdAt: Date, expiresAt: Date },
  { ...options, collection: 'identity_sessions' },
);
sessionSchema.index({ token: 1 }, { name: 'identity_sessions_token_uidx', unique: true });
sessionSchema.index({ userId: 1 }, { name: 'identity_sessions_userId_idx' });
sessionSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const accountSchema = new Schema<AccountDoc>(
  { _id: String, userId: String, providerId: String, accountId: String, password: String },
  { ...options, collection: 'identity_accounts' },
);
accountSchema.index({ userId: 1 }, { name: 'identity_accounts_userId_idx' });
accountSchema.index({ accountId: 1, providerId: 1 }, { unique: true });

const verificationSchema = new Schema<VerificationDoc>(
  { _id: String, identifier: String, value: String, expiresAt: Date },
  { ...options, collection: 'identity_verifications' },
);
verificationSchema.index({ identifier: 1 }, { name: 'identity_verifications_identifier_idx' });
verificationSchema.index({ value: 1 });
verificationSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

export function identitySessionsStore(connection: Connection) {
  const model = connection.model<SessionDoc>('IdentitySession', sessionSchema);
  return {
    model,

    /** Where an identity is logged in, the newest first. */
    async ofIdentity(identityId: string): Promise<Pick<SessionDoc, 'createdAt' | 'expiresAt'>[]> {
      return model
        .find({ userId: identityId, expiresAt: { $gt: new Date() } }, { _id: 0, createdAt: 1, expiresAt: 1 })
        .sort({ createdAt: -1 })
        .lean<Pick<SessionDoc, 'createdAt' | 'expiresAt'>[]>();
    },

    /** Ends all sessions of an identity. */
    async endAll(identityId: string, session?: ClientSession): Promise<void> {
      await model.deleteMany({ userId: identityId }, session ? { session } : {});
    },
  };
}

/** What better-auth calls the account that is a password. */
export const PASSWORD_ACCOUNT = 'credential';

function accountModel(connection: Connection) {
  return connection.model<AccountDoc>('IdentityAccount', accountSchema);
}

export function identityAccountsStore(connection: Connection) {
  const model = accountModel(connection);
  return {
    model,

    /** Whom other providers know an identity as: all ways in but its password. */
    async atProviders(identityId: string): Promise<{ provider: string; subject: string }[]> {
      const accounts = await model
        .find({ userId: identityId, providerId: { $ne: PASSWORD_ACCOUNT } }, { providerId: 1, accountId: 1 })
        .lean<AccountDoc[]>();
      return accounts.map(({ providerId, accountId }) => ({ provider: providerId, subject: accountId }));
    },

    /** Whether a hash is (still) that of the identity's password. */
    async hasPassword(identityId: string, password: string): Promise<boolean> {
      return (await model.exists({ userId: identityId, password }).read('primary')) !== null;
    },
  };
}

export function identityVerificationsStore(connection: Connection) {
  const model = connection.model<VerificationDoc>('IdentityVerification', verificationSchema);
  return {
    model,

    /** Ends all that was mailed to an identity and not used yet. */
    async endAll(identityId: string): Promise<void> {
      await model.deleteMany({ value: identityId });
    },
  };
}

export function identitiesStore(connection: Connection) {
  const model = connection.model<IdentityDoc>('Identity', identitySchema);
  const accounts = accountModel(connection);
  return {
    model,

    async get(identityId: string): Promise<IdentityDoc | null> {
      return model.findById(identityId).lean<IdentityDoc>();
    },

    /** Keeps an identity from being deleted until the transaction is through; false when it is gone already. */
    async lock(identityId: string, session: ClientSession): Promise<boolean> {
      return (await model.updateOne({ _id: identityId }, { $inc: { links: 1 } }, { session })).matchedCount === 1;
    },

    async byEmail(email: string): Promise<IdentityDoc | null> {
      return model.findOne({ email: email.toLowerCase() }).lean<IdentityDoc>();
    },

    /**
     * Returns the identity of an address, created unconfirmed and without a password if there was none. Renews a sign-up
     * that is not confirmed yet, so that it outlives the link that is mailed next.
     */
    async signUp(email: string, now: Date): Promise<IdentityDoc> {
      const created = { _id: newId('idn'), emailVerified: false, name: '', createdAt: now, updatedAt: now };
      const address = { email: email.toLowerCase() };
      await model.updateOne(address, { $setOnInsert: created }, { upsert: true });
      const identity = await model.findOne(address).lean<IdentityDoc>().orFail();
      if (!identity.emailVerified) {
        await model.updateOne({ _id: identity._id, emailVerified: false }, { $set: { createdAt: now } });
      }
      return identity;
    },

    /** A mailed secret came back: the address is the person's. */
    async recordVerified(identityId: string): Promise<void> {
      await model.updateOne({ _id: identityId }, { $set: { emailVerified: true, updatedAt: new Date() } });
    },

    /** Addresses that signed up before a time and that nobody has confirmed, the oldest first. */
    async unverifiedBefore(before: Date, limit: number): Promise<Pick<IdentityDoc, 'email'>[]> {
      return model
        .find({ emailVerified: false, createdAt: { $lt: before } }, { email: 1 })
        .sort({ createdAt: 1 })
        .limit(limit)
        .lean<Pick<IdentityDoc, 'email'>[]>();
    },

    /** Forgets an address that nobody has confirmed (since `before`), with its password; others stay as they are. */
    async dropUnverified(email: string, session: ClientSession, before?: Date): Promise<void> {
      const unverified = { email: email.toLowerCase(), emailVerified: false };
      const dropped = await model.findOneAndDelete(
        { ...unverified, ...(before && { createdAt: { $lt: before } }) },
        { session },
      );
      if (dropped) await accounts.deleteMany({ userId: dropped._id }, { session });
    },
  };
}
