import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { IdentityId, Tenant, UserRef } from '../domain/ids';
import type { LinkRequestKind } from '../domain/link';

/** An invitation or link code: a partner's request that a person connect one account. Can be used only once. */
export interface LinkRequestDoc {
  _id: string;
  kind: LinkRequestKind;
  tenant: Tenant;
  userRef: UserRef;
  /** Hash of the invitation's token or of the link code, which is shown once and never stored. */
  tokenHash: string;
  accountLabel?: string;
  returnUrl?: string;
  state?: string;
  status: 'OPEN' | 'USED' | 'DECLINED';
  /** The person who confirmed or declined the request, so that MIR can show the result when the person returns. */
  usedBy?: IdentityId;
  createdAt: Date;
  expiresAt: Date;
  /** When MongoDB deletes the row. Until then, the request's page can explain why the request no longer works. */
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

/** Fields that a used or declined request no longer needs. */
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

    /**
     * Ends an open request. Returns the request as it was before the change, or null if it had already ended or
     * expired.
     */
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

    /** Returns a user's newest request that can still be used. */
    async open(tenant: Tenant, userRef: UserRef, now: Date): Promise<LinkRequestDoc | null> {
      return model
        .findOne({ tenant, userRef, status: 'OPEN', expiresAt: { $gt: now } })
        .sort({ createdAt: -1 })
        .lean<LinkRequestDoc>();
    },

    /** Counts a user's requests that can still be used. */
    async countOpen(tenant: Tenant, userRef: UserRef, now: Date, session: ClientSession): Promise<number> {
      return model.countDocuments({ tenant, userRef, status: 'OPEN', expiresAt: { $gt: now } }).session(session);
    },

    /** Deletes a user's open codes, because a new one replaces them. */
    async dropCodes(tenant: Tenant, userRef: UserRef, session: ClientSession): Promise<void> {
      await model.deleteMany({ tenant, userRef, status: 'OPEN', kind: 'CODE' }, { session });
    },

    /** Returns requests that a person confirmed or declined, newest first. */
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
