import { createHash, randomBytes } from 'node:crypto';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import { newId } from '../domain/ids';

/** A person's MIR account. better-auth writes the rows and determines the field names. */
export interface IdentityDoc {
  _id: string;
  /** Lowercase. */
  email: string;
  emailVerified: boolean;
  name: string;
  createdAt: Date;
  updatedAt: Date;
  /**
   * Incremented for every new link, so that linking an account conflicts with a concurrent deletion of the identity.
   */
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
  /** scrypt hash. Absent for accounts at an OIDC provider. */
  password?: string;
}

interface VerificationDoc {
  _id: string;
  /** SHA-256 of the emailed secret. */
  identifier: string;
  /** ID of the identity that the secret was sent to. */
  value: string;
  createdAt: Date;
  updatedAt: Date;
  expiresAt: Date;
}

const TOKEN_BYTES = 32;
/** better-auth adds this prefix to an emailed token before it hashes the token. */
const TOKEN_PREFIX = 'reset-password:';

const identifierOf = (token: string): string =>
  createHash('sha256').update(`${TOKEN_PREFIX}${token}`).digest('base64url');

const options = { versionKey: false, strict: false } as const;

const identitySchema = new Schema<IdentityDoc>(
  { _id: String, email: String, emailVerified: Boolean, name: String, createdAt: Date, updatedAt: Date, links: Number },
  { ...options, collection: 'identities' },
);
// The names match those of better-auth's adapter, so that better-auth does not create duplicate indexes.
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
  { _id: String, identifier: String, value: String, createdAt: Date, updatedAt: Date, expiresAt: Date },
  { ...options, collection: 'identity_verifications' },
);
verificationSchema.index({ identifier: 1 }, { name: 'identity_verifications_identifier_idx' });
verificationSchema.index({ value: 1 });
verificationSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

export function identitySessionsStore(connection: Connection) {
  const model = connection.model<SessionDoc>('IdentitySession', sessionSchema);
  return {
    model,

    /** Returns an identity's unexpired sessions, newest first. */
    async ofIdentity(identityId: string): Promise<Pick<SessionDoc, 'createdAt' | 'expiresAt'>[]> {
      return model
        .find({ userId: identityId, expiresAt: { $gt: new Date() } }, { _id: 0, createdAt: 1, expiresAt: 1 })
        .sort({ createdAt: -1 })
        .lean<Pick<SessionDoc, 'createdAt' | 'expiresAt'>[]>();
    },

    async endAll(identityId: string, session?: ClientSession): Promise<void> {
      await model.deleteMany({ userId: identityId }, session ? { session } : {});
    },
  };
}

/** better-auth's provider ID for password accounts. */
export const PASSWORD_ACCOUNT = 'credential';

function accountModel(connection: Connection) {
  return connection.model<AccountDoc>('IdentityAccount', accountSchema);
}

export function identityAccountsStore(connection: Connection) {
  const model = accountModel(connection);
  return {
    model,

    /** Returns an identity's accounts at OIDC providers, but not its password account. */
    async atProviders(identityId: string): Promise<{ provider: string; subject: string }[]> {
      const accounts = await model
        .find({ userId: identityId, providerId: { $ne: PASSWORD_ACCOUNT } }, { providerId: 1, accountId: 1 })
        .lean<AccountDoc[]>();
      return accounts.map(({ providerId, accountId }) => ({ provider: providerId, subject: accountId }));
    },

    /** Returns true if `password` is the current hash of the identity's password. */
    async hasPassword(identityId: string, password: string): Promise<boolean> {
      return (await model.exists({ userId: identityId, password }).read('primary')) !== null;
    },
  };
}

export function identityVerificationsStore(connection: Connection) {
  const model = connection.model<VerificationDoc>('IdentityVerification', verificationSchema);
  return {
    model,

    /**
     * Creates an emailed secret with which the identity can set its password once, and returns it. Stores only its
     * hash, in the format of better-auth's password reset.
     */
    async create(identityId: string, lifetimeMs: number, session: ClientSession): Promise<string> {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const now = new Date();
      const expiresAt = new Date(now.getTime() + lifetimeMs);
      const row = { _id: newId('ver'), identifier: identifierOf(token), value: identityId, expiresAt };
      await model.create([{ ...row, createdAt: now, updatedAt: now }], { session });
      return token;
    },

    /** Returns the ID of the identity that may use an emailed secret, or null if the secret is no longer valid. */
    async ownerOf(token: string): Promise<string | null> {
      const row = await model
        .findOne({ identifier: identifierOf(token), expiresAt: { $gt: new Date() } }, { value: 1 })
        .lean<Pick<VerificationDoc, 'value'>>();
      return row?.value ?? null;
    },

    /** Invalidates all emailed secrets that the identity has not used yet. */
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

    /** Prevents deletion of an identity until the transaction ends. Returns false if the identity no longer exists. */
    async lock(identityId: string, session: ClientSession): Promise<boolean> {
      return (await model.updateOne({ _id: identityId }, { $inc: { links: 1 } }, { session })).matchedCount === 1;
    },

    async byEmail(email: string): Promise<IdentityDoc | null> {
      return model.findOne({ email: email.toLowerCase() }).lean<IdentityDoc>();
    },

    /**
     * Returns the identity with this email address. If there is none, creates an unverified identity without a
     * password. Renews an unverified sign-up, so that the identity does not expire before the next emailed link.
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

    /**
     * Marks the email address as verified. Call this when a person returns an emailed secret, which proves that they
     * own the address.
     */
    async recordVerified(identityId: string): Promise<void> {
      await model.updateOne({ _id: identityId }, { $set: { emailVerified: true, updatedAt: new Date() } });
    },

    /** Returns addresses that were used to sign up before `before` and are still unverified, oldest first. */
    async unverifiedBefore(before: Date, limit: number): Promise<Pick<IdentityDoc, 'email'>[]> {
      return model
        .find({ emailVerified: false, createdAt: { $lt: before } }, { email: 1 })
        .sort({ createdAt: 1 })
        .limit(limit)
        .lean<Pick<IdentityDoc, 'email'>[]>();
    },

    /**
     * Deletes an unverified identity and its password. If `before` is set, deletes the identity only if the sign-up was
     * before that time.
     */
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
