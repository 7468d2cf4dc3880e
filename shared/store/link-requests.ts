import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { IdentityId, Tenant, UserRef } from '../domain/ids';
import type { LinkRequestKind } from '../domain/link';

/** An invite or a code: a partner's request that a person link one account. Used at most once. */
export interface LinkRequestDoc {
  _id: string;
  kind: LinkRequestKind;
  tenant: Tenant;
  userRef: UserRef;
  /** Of the invite's token or the code; the thing itself is shown once and kept nowhere. */
  tokenHash: string;
  accountLabel?: string;
  returnUrl?: string;
  state?: string;
  status: 'OPEN' | 'USED' | 'DECLINED';
  /** Who confirmed it: only to tell a person who comes back that it is done. */
  usedBy?: IdentityId;
  createdAt: Date;
  expiresAt: Date;
  /** The row goes then; until then its page can say why it does not work any more. */
  purgeAt: Date;
}

const schema = new Schema<LinkRequestDoc>(
  {
    _id: String,
    kind: String,
    tenant: String,
    userRef: String,
    tokenHash: String,
    accountLabel: String,
    returnUrl: String,
    state: String,
    status: String,
    usedBy: String,
    createdAt: Date,
    expiresAt: Date,
    purgeAt: Date,
  },
  { collection: 'link_requests', versionKey: false, strict: 'throw' },
);
schema.index({ tokenHash: 1 }, { unique: true });
schema.index({ tenant: 1, userRef: 1, status: 1, createdAt: -1 });
schema.index({ usedBy: 1 });
schema.index({ purgeAt: 1 }, { expireAfterSeconds: 0 });

/** What a used or declined request does not need to keep. */
const PRIVATE = { accountLabel: '', state: '', returnUrl: '' } as const;

export function linkRequestsStore(connection: Connection) {
  const model = connection.model<LinkRequestDoc>('LinkRequest', schema);
  return {
    model,

    async insert(request: LinkRequestDoc, session: ClientSession): Promise<void> {
      await model.create([request], { session });
    },

    async byTokenHash(tokenHash: string, session?: ClientSession): Promise<LinkRequestDoc | null> {
      return model
        .findOne({ tokenHash })
        .session(session ?? null)
        .lean<LinkRequestDoc>();
    },

    /** Ends an open, unexpired request; null when somebody else did or its time is over. */
    async end(
      id: string,
      status: 'USED' | 'DECLINED',
      usedBy: IdentityId,
      now: Date,
      session: ClientSession,
    ): Promise<LinkRequestDoc | null> {
      return model
        .findOneAndUpdate(
          { _id: id, status: 'OPEN', expiresAt: { $gt: now } },
          { $set: { status, usedBy }, $unset: PRIVATE },
          { session, returnDocument: 'before' },
        )
        .lean<LinkRequestDoc>();
    },

    /** The newest request of a user that can still be used. */
    async open(tenant: Tenant, userRef: UserRef, now: Date): Promise<LinkRequestDoc | null> {
      return model
        .findOne({ tenant, userRef, status: 'OPEN', expiresAt: { $gt: now } })
        .sort({ createdAt: -1 })
        .lean<LinkRequestDoc>();
    },

    /** How many requests of a user can still be used. */
    async countOpen(tenant: Tenant, userRef: UserRef, now: Date, session: ClientSession): Promise<number> {
      return model.countDocuments({ tenant, userRef, status: 'OPEN', expiresAt: { $gt: now } }).session(session);
    },

    /** Forgets a user's open codes: a new one replaces them. */
    async dropCodes(tenant: Tenant, userRef: UserRef, session: ClientSession): Promise<void> {
      await model.deleteMany({ tenant, userRef, status: 'OPEN', kind: 'CODE' }, { session });
    },

    /** Requests that a person answered, the newest first. */
    async answeredBy(identityId: IdentityId): Promise<LinkRequestDoc[]> {
      return model.find({ usedBy: identityId }).sort({ createdAt: -1 }).lean<LinkRequestDoc[]>();
    },

    async dropOfUser(tenant: Tenant, userRef: UserRef, session: ClientSession): Promise<void> {
      await model.deleteMany({ tenant, userRef }, { session });
    },

    async dropOfIdentity(identityId: IdentityId, session: ClientSession): Promise<void> {
      await model.deleteMany({ usedBy: identityId }, { session });
    },
  };
}
