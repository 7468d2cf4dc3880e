import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { Env, PartnerId } from '../domain/ids';
import type { MemberRole } from '../domain/roles';

/**
 * A member's access token for one environment of a partner. What it grants does not change: when the session ends or
 * the member's role changes, the row is deleted.
 */
export interface AccessTokenDoc {
  /** SHA-256 of the token in hex. */
  _id: string;
  partnerId: PartnerId;
  env: Env;
  memberId: string;
  staffId: string;
  sessionId: string;
  /** Name of the person, for the audit log. */
  name: string;
  role: MemberRole;
  /** When the person last entered a password or used a passkey. */
  confirmedAt: Date;
  createdAt: Date;
  expiresAt: Date;
  /** Incremented by transactions that depend on the token, so that a concurrent deletion conflicts. */
  revision?: number;
}

const schema = new Schema<AccessTokenDoc>(
  {
    _id: String,
    partnerId: String,
    env: String,
    memberId: String,
    staffId: String,
    sessionId: String,
    name: String,
    role: String,
    confirmedAt: Date,
    createdAt: Date,
    expiresAt: Date,
    revision: Number,
  },
  { collection: 'access_tokens', versionKey: false, strict: 'throw' },
);
schema.index({ sessionId: 1 });
schema.index({ memberId: 1 });
schema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

/** Whose tokens are meant: those of a session, or those of a member. */
export type TokensOf = { sessionId: string } | { memberId: string };

export function accessTokensStore(connection: Connection) {
  const model = connection.model<AccessTokenDoc>('AccessToken', schema);
  return {
    model,

    /** Returns a token by its hash, from the primary. */
    async get(hash: string): Promise<AccessTokenDoc | null> {
      return model.findById(hash).read('primary').lean<AccessTokenDoc>();
    },

    /** Writes to an unexpired token, so that a concurrent deletion conflicts. Returns whether it exists. */
    async touch(hash: string, { now, session }: { now: Date; session: ClientSession }): Promise<boolean> {
      const filter = { _id: hash, expiresAt: { $gt: now } };
      return (await model.updateOne(filter, { $inc: { revision: 1 } }, { session })).matchedCount > 0;
    },

    async insert(token: AccessTokenDoc, session: ClientSession): Promise<void> {
      await model.create([token], { session });
    },

    /** Returns the number of unexpired tokens of a session. */
    async count(sessionId: string, session: ClientSession): Promise<number> {
      return model.countDocuments({ sessionId, expiresAt: { $gt: new Date() } }).session(session);
    },

    /** Returns the partners for which a session or member has tokens. */
    async partnersOf(tokens: TokensOf): Promise<PartnerId[]> {
      return model.distinct('partnerId', tokens);
    },

    /** Deletes the tokens for one partner. Returns their hashes. */
    async remove(tokens: TokensOf, partnerId: PartnerId, session: ClientSession): Promise<string[]> {
      const docs = await model
        .find({ ...tokens, partnerId }, { _id: 1 })
        .session(session)
        .lean<AccessTokenDoc[]>();
      const hashes = docs.map(({ _id }) => _id);
      await model.deleteMany({ _id: { $in: hashes } }, { session });
      return hashes;
    },
  };
}
