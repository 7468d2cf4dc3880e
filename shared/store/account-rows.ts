import { createHash, randomBytes } from 'node:crypto';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import { newId } from '../domain/ids';

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
  /** ID of the account that the secret was sent to. */
  value: string;
  createdAt: Date;
  updatedAt: Date;
  expiresAt: Date;
}

/** The names of a collection and its model. */
interface Names {
  model: string;
  collection: string;
}

const TOKEN_BYTES = 32;
/** better-auth adds this prefix to an emailed token before it hashes the token. */
const TOKEN_PREFIX = 'reset-password:';

const identifierOf = (token: string): string =>
  createHash('sha256').update(`${TOKEN_PREFIX}${token}`).digest('base64url');

const options = { versionKey: false, strict: false } as const;

function sessionSchema(collection: string) {
  const schema = new Schema<SessionDoc>(
    { _id: String, userId: String, token: String, createdAt: Date, expiresAt: Date },
    { ...options, collection },
  );
  // The names match those of better-auth's adapter, so that better-auth does not create duplicate indexes.
  schema.index({ token: 1 }, { name: `${collection}_token_uidx`, unique: true });
  schema.index({ userId: 1 }, { name: `${collection}_userId_idx` });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  return schema;
}

function accountSchema(collection: string) {
  const schema = new Schema<AccountDoc>(
    { _id: String, userId: String, providerId: String, accountId: String, password: String },
    { ...options, collection },
  );
  schema.index({ userId: 1 }, { name: `${collection}_userId_idx` });
  schema.index({ accountId: 1, providerId: 1 }, { unique: true });
  return schema;
}

function verificationSchema(collection: string) {
  const schema = new Schema<VerificationDoc>(
    { _id: String, identifier: String, value: String, createdAt: Date, updatedAt: Date, expiresAt: Date },
    { ...options, collection },
  );
  schema.index({ identifier: 1 }, { name: `${collection}_identifier_idx` });
  schema.index({ value: 1 });
  schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });
  return schema;
}

export function accountSessionsStore(connection: Connection, names: Names) {
  const model = connection.model<SessionDoc>(names.model, sessionSchema(names.collection));
  return {
    model,

    /** Returns an account's unexpired sessions, newest first. */
    async of(userId: string): Promise<Pick<SessionDoc, 'createdAt' | 'expiresAt'>[]> {
      return model
        .find({ userId, expiresAt: { $gt: new Date() } }, { _id: 0, createdAt: 1, expiresAt: 1 })
        .sort({ createdAt: -1 })
        .lean<Pick<SessionDoc, 'createdAt' | 'expiresAt'>[]>();
    },

    async endAll(userId: string, session?: ClientSession): Promise<void> {
      await model.deleteMany({ userId }, session ? { session } : {});
    },
  };
}

/** better-auth's provider ID for password accounts. */
export const PASSWORD_ACCOUNT = 'credential';

export function accountLogInsStore(connection: Connection, names: Names) {
  const model = connection.model<AccountDoc>(names.model, accountSchema(names.collection));
  return {
    model,

    /** Returns the accounts at OIDC providers, but not the password account. */
    async atProviders(userId: string): Promise<{ provider: string; subject: string }[]> {
      const accounts = await model
        .find({ userId, providerId: { $ne: PASSWORD_ACCOUNT } }, { providerId: 1, accountId: 1 })
        .lean<AccountDoc[]>();
      return accounts.map(({ providerId, accountId }) => ({ provider: providerId, subject: accountId }));
    },

    /** Returns true if `password` is the current hash of the account's password. */
    async hasPassword(userId: string, password: string): Promise<boolean> {
      return (await model.exists({ userId, password }).read('primary')) !== null;
    },
  };
}

export function accountVerificationsStore(connection: Connection, names: Names) {
  const model = connection.model<VerificationDoc>(names.model, verificationSchema(names.collection));
  return {
    model,

    /**
     * Creates an emailed secret with which the account's password can be set once, and returns it. Stores only its
     * hash, in the format of better-auth's password reset.
     */
    async create(userId: string, lifetimeMs: number, session: ClientSession): Promise<string> {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      const now = new Date();
      const expiresAt = new Date(now.getTime() + lifetimeMs);
      const row = { _id: newId('ver'), identifier: identifierOf(token), value: userId, expiresAt };
      await model.create([{ ...row, createdAt: now, updatedAt: now }], { session });
      return token;
    },

    /** Returns the ID of the account that may use an emailed secret, or null if the secret is no longer valid. */
    async ownerOf(token: string): Promise<string | null> {
      const row = await model
        .findOne({ identifier: identifierOf(token), expiresAt: { $gt: new Date() } }, { value: 1 })
        .lean<Pick<VerificationDoc, 'value'>>();
      return row?.value ?? null;
    },

    /** Invalidates all emailed secrets that the account has not used yet. */
    async endAll(userId: string): Promise<void> {
      await model.deleteMany({ value: userId });
    },
  };
}
