import { createHash } from 'node:crypto';
import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { accountSessionsStore } from './account-rows';

/**
 * The account of a member of a partner, or of an operator. Never a person with a history: those have accounts in other
 * collections. better-auth determines the names of the fields.
 */
export interface StaffDoc {
  _id: string;
  /** Lowercase. */
  email: string;
  emailVerified: boolean;
  name: string;
  twoFactorEnabled?: boolean;
  createdAt: Date;
  updatedAt: Date;
}

/** A session of a staff account. Ends at `expiresAt`, whether or not it is used. */
export interface StaffSessionDoc {
  _id: string;
  userId: string;
  createdAt: Date;
  expiresAt: Date;
  userAgent?: string;
  /** When the person last entered a password or used a passkey after logging in. */
  confirmedAt?: Date;
}

const schema = new Schema<StaffDoc>(
  {
    _id: String,
    email: String,
    emailVerified: Boolean,
    name: String,
    twoFactorEnabled: Boolean,
    createdAt: Date,
    updatedAt: Date,
  },
  { versionKey: false, strict: false, collection: 'staff' },
);
// The name matches that of better-auth's adapter, so that better-auth does not create a duplicate index.
schema.index({ email: 1 }, { name: 'staff_email_uidx', unique: true });

export function staffStore(connection: Connection) {
  const model = connection.model<StaffDoc>('Staff', schema);
  return {
    model,

    async get(staffId: string, session?: ClientSession): Promise<StaffDoc | null> {
      return model
        .findById(staffId)
        .session(session ?? null)
        .lean<StaffDoc>();
    },

    async many(staffIds: readonly string[]): Promise<Map<string, StaffDoc>> {
      const docs = await model.find({ _id: { $in: staffIds } }).lean<StaffDoc[]>();
      return new Map(docs.map((doc) => [doc._id, doc]));
    },

    async byEmail(email: string, session?: ClientSession): Promise<StaffDoc | null> {
      return model
        .findOne({ email: email.toLowerCase() })
        .session(session ?? null)
        .lean<StaffDoc>();
    },

    async insert(staff: StaffDoc, session: ClientSession): Promise<void> {
      await model.create([staff], { session });
    },

    /** Changes the name. The transaction conflicts with others that change the account. */
    async rename(staffId: string, name: string, at: Date, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: staffId }, { $set: { name, updatedAt: at } }, { session });
    },
  };
}

/** Adds what staff sessions need to the functions that all sessions have. */
export function staffSessionsStore(sessions: ReturnType<typeof accountSessionsStore>) {
  const model = sessions.model;
  return {
    ...sessions,

    /** Returns the unexpired session with this token. */
    async byToken(token: string): Promise<StaffSessionDoc | null> {
      const hash = createHash('sha256').update(token).digest('base64url');
      return model
        .findOne({ token: hash, expiresAt: { $gt: new Date() } })
        .read('primary')
        .lean<StaffSessionDoc>();
    },

    /** Returns an account's unexpired sessions, newest first. */
    async ofStaff(staffId: string): Promise<StaffSessionDoc[]> {
      return model
        .find({ userId: staffId, expiresAt: { $gt: new Date() } }, { token: 0 })
        .sort({ createdAt: -1 })
        .lean<StaffSessionDoc[]>();
    },

    /**
     * Prevents the session from ending until the transaction is over, so that no access token outlives its session.
     * Returns false if it has ended.
     */
    async lock(sessionId: string, session: ClientSession): Promise<boolean> {
      const { matchedCount } = await model.updateOne(
        { _id: sessionId, expiresAt: { $gt: new Date() } },
        { $inc: { accessTokens: 1 } },
        { session },
      );
      return matchedCount === 1;
    },

    async recordConfirmed(sessionId: string, at: Date): Promise<void> {
      await model.updateOne({ _id: sessionId }, { $set: { confirmedAt: at } });
    },

    /** Ends one session of an account. Returns false if the account has no such session. */
    async end(staffId: string, sessionId: string, session: ClientSession): Promise<boolean> {
      return (await model.deleteOne({ _id: sessionId, userId: staffId }, { session })).deletedCount === 1;
    },
  };
}

/** The second factor of a staff account, encrypted by better-auth, which determines the names of the fields. */
interface SecondFactorDoc {
  _id: string;
  userId: string;
  secret: string;
}

const secondFactorSchema = new Schema<SecondFactorDoc>(
  { _id: String, userId: String, secret: String },
  { versionKey: false, strict: false, collection: 'staff_second_factors' },
);
secondFactorSchema.index({ userId: 1 }, { name: 'staff_second_factors_userId_idx' });
secondFactorSchema.index({ secret: 1 }, { name: 'staff_second_factors_secret_idx' });

export function staffSecondFactorsStore(connection: Connection) {
  return { model: connection.model<SecondFactorDoc>('StaffSecondFactor', secondFactorSchema) };
}
