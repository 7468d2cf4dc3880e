import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type IdentityId, type IdentityRef, identityRefOf, type UserRef } from '../domain/ids';
import type { IdentityRow, Member } from '../domain/signals';

/** One linked account, as its person knows it. */
export interface LinkedAccount extends Member {
  linkId: string;
  /** The invite or code that the link was made by. */
  requestId: string;
  accountLabel?: string;
  linkedAt: Date;
}

/** All links of one person in one environment: the other side of what the users' rows say. */
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

/** The part of a stored row that the cache keeps. */
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

    /** A person's links in both environments. */
    async ofIdentity(identityId: IdentityId, session?: ClientSession): Promise<MembershipDoc[]> {
      const refs = (['live', 'test'] as const).map((env) => identityRefOf(identityId, env));
      return model
        .find({ _id: { $in: refs } })
        .session(session ?? null)
        .lean<MembershipDoc[]>();
    },

    /** Rows of people, by ref; a person without links has no entry. */
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

    /** Takes an account out. Null when it was not in. */
    async remove(identity: IdentityRef, userRef: UserRef, session: ClientSession): Promise<MembershipDoc | null> {
      return model
        .findOneAndUpdate(
          { _id: identity, 'members.userRef': userRef },
          { $pull: { members: { userRef } }, $inc: { revision: 1 } },
          { session, returnDocument: 'after' },
        )
        .lean<MembershipDoc>();
    },

    /** Forgets a person whose links are all gone. */
    async drop(identity: IdentityRef, session: ClientSession): Promise<void> {
      await model.deleteOne({ _id: identity }, { session });
    },
  };
}

/** The account of one user among a person's links. */
export function accountOf(doc: MembershipDoc | null, userRef: UserRef): LinkedAccount | null {
  return doc?.members.find((member) => member.userRef === userRef) ?? null;
}

/** The account of one link, in whichever environment it stands. */
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
