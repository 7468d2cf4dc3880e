import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type IdentityId, type IdentityRef, identityRefOf, type UserRef } from '../domain/ids';
import type { IdentityRow, Member } from '../domain/signals';

/** A linked account, as its owner sees it. */
export interface LinkedAccount extends Member {
  linkId: string;
  /** ID of the invitation or link code that created the link. */
  requestId: string;
  accountLabel?: string;
  linkedAt: Date;
}

/** All links of one person in one environment. The rows of linked users refer to the person in `identity`. */
export interface MembershipDoc {
  _id: IdentityRef;
  revision: number;
  members: LinkedAccount[];
}

const schema = new Schema<MembershipDoc>(
  {
    _id: String,
    revision: Number,
    members: [
      {
        _id: false,
        linkId: String,
        requestId: String,
        userRef: String,
        tenant: String,
        accountLabel: String,
        linkedAt: Date,
      },
    ],
  },
  { collection: 'memberships', versionKey: false, strict: 'throw' },
);

/** Returns the part of a membership that is cached. */
export function identityRowOf({ revision, members }: MembershipDoc): IdentityRow {
  return { revision, members: members.map(({ userRef, tenant }) => ({ userRef, tenant })) };
}

export function membershipsStore(connection: Connection) {
  const model = connection.model<MembershipDoc>('Membership', schema);
  return {
    model,

    async get(identity: IdentityRef, session?: ClientSession): Promise<MembershipDoc | null> {
      return model
        .findById(identity)
        .session(session ?? null)
        .lean<MembershipDoc>();
    },

    /** Returns a person's links in both environments. */
    async ofIdentity(identityId: IdentityId, session?: ClientSession): Promise<MembershipDoc[]> {
      const refs = (['live', 'test'] as const).map((env) => identityRefOf(identityId, env));
      return model
        .find({ _id: { $in: refs } })
        .session(session ?? null)
        .lean<MembershipDoc[]>();
    },

    /** Returns memberships by ref. People without links have no entry. */
    async rows(identities: IdentityRef[]): Promise<Map<IdentityRef, IdentityRow>> {
      const docs = await model.find({ _id: { $in: identities } }).lean<MembershipDoc[]>();
      return new Map(docs.map((doc) => [doc._id, identityRowOf(doc)]));
    },

    async add(identity: IdentityRef, account: LinkedAccount, session: ClientSession): Promise<MembershipDoc> {
      return model
        .findOneAndUpdate(
          { _id: identity },
          { $push: { members: account }, $inc: { revision: 1 } },
          { session, upsert: true, returnDocument: 'after' },
        )
        .lean<MembershipDoc>()
        .orFail();
    },

    /** Removes an account from a person's links. Returns null if the account was not linked. */
    async remove(identity: IdentityRef, userRef: UserRef, session: ClientSession): Promise<MembershipDoc | null> {
      return model
        .findOneAndUpdate(
          { _id: identity, 'members.userRef': userRef },
          { $pull: { members: { userRef } }, $inc: { revision: 1 } },
          { session, returnDocument: 'after' },
        )
        .lean<MembershipDoc>();
    },

    /** Deletes the row of a person whose last link was removed. */
    async drop(identity: IdentityRef, session: ClientSession): Promise<void> {
      await model.deleteOne({ _id: identity }, { session });
    },
  };
}

/** Returns the account of `userRef` among a person's links. */
export function accountOf(doc: MembershipDoc | null, userRef: UserRef): LinkedAccount | null {
  return doc?.members.find((member) => member.userRef === userRef) ?? null;
}

/** Returns the account with this link ID, in either environment. */
export function accountByLinkId(
  docs: readonly MembershipDoc[],
  linkId: string,
): { identity: IdentityRef; account: LinkedAccount } | null {
  for (const { _id: identity, members } of docs) {
    const account = members.find((member) => member.linkId === linkId);
    if (account) return { identity, account };
  }
  return null;
}
