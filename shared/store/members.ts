import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { PartnerId } from '../domain/ids';
import type { MemberRole, OperatorRole } from '../domain/roles';
import { type ListPage, listPage, type Position } from './list-page';

/** The organization of the people who operate this MIR server. */
export const OPERATORS = 'operators';
/** A partner, or the operators. */
export type OrganizationId = PartnerId | typeof OPERATORS;

/** A staff account's membership in an organization. */
export interface MemberDoc {
  _id: string;
  organization: OrganizationId;
  staffId: string;
  role: MemberRole | OperatorRole;
  createdAt: Date;
  updatedAt: Date;
}

/** An invitation, which ends when it is accepted, withdrawn or expired. */
export interface MemberInvitationDoc {
  _id: string;
  organization: OrganizationId;
  /** Lowercase. */
  email: string;
  role: MemberRole | OperatorRole;
  /** Who invited, in the email. */
  invitedBy: string;
  /** SHA-256 of the secrets that were emailed. Each attempt to send the email creates one. */
  tokens: string[];
  createdAt: Date;
  expiresAt: Date;
}

/** The number of members of an organization, by which concurrent changes conflict. */
interface OrganizationDoc {
  _id: OrganizationId;
  members: number;
  administrators: number;
}

/** Number of emailed secrets of an invitation that stay valid. */
const MAX_TOKENS = 5;

const memberSchema = new Schema<MemberDoc>(
  { _id: String, organization: String, staffId: String, role: String, createdAt: Date, updatedAt: Date },
  { collection: 'members', versionKey: false, strict: 'throw' },
);
memberSchema.index({ organization: 1, staffId: 1 }, { unique: true });
memberSchema.index({ organization: 1, createdAt: -1, _id: -1 });
memberSchema.index({ staffId: 1 });

const invitationSchema = new Schema<MemberInvitationDoc>(
  {
    _id: String,
    organization: String,
    email: String,
    role: String,
    invitedBy: String,
    tokens: [String],
    createdAt: Date,
    expiresAt: Date,
  },
  { collection: 'member_invitations', versionKey: false, strict: 'throw' },
);
invitationSchema.index({ organization: 1, email: 1 }, { unique: true });
invitationSchema.index({ organization: 1, createdAt: -1, _id: -1 });
invitationSchema.index({ tokens: 1 });
invitationSchema.index({ expiresAt: 1 }, { expireAfterSeconds: 0 });

const organizationSchema = new Schema<OrganizationDoc>(
  { _id: String, members: Number, administrators: Number },
  { collection: 'organizations', versionKey: false, strict: 'throw' },
);

export function membersStore(connection: Connection) {
  const model = connection.model<MemberDoc>('Member', memberSchema);
  return {
    model,

    /** Returns a member of an organization by ID. */
    async get(organization: OrganizationId, memberId: string, session?: ClientSession): Promise<MemberDoc | null> {
      return model
        .findOne({ _id: memberId, organization })
        .session(session ?? null)
        .lean<MemberDoc>();
    },

    /** Returns an account's membership in an organization. */
    async of(organization: OrganizationId, staffId: string, session?: ClientSession): Promise<MemberDoc | null> {
      return model
        .findOne({ organization, staffId })
        .session(session ?? null)
        .lean<MemberDoc>();
    },

    /** Returns all memberships of an account, oldest first. */
    async ofStaff(staffId: string): Promise<MemberDoc[]> {
      return model.find({ staffId }).sort({ createdAt: 1 }).lean<MemberDoc[]>();
    },

    /** Returns the IDs of the accounts with a role, up to `limit`. */
    async withRole(organization: OrganizationId, role: MemberDoc['role'], limit: number): Promise<string[]> {
      const docs = await model.find({ organization, role }, { staffId: 1 }).limit(limit).lean<MemberDoc[]>();
      return docs.map(({ staffId }) => staffId);
    },

    async insert(member: MemberDoc, session: ClientSession): Promise<void> {
      await model.create([member], { session });
    },

    async setRole(memberId: string, role: MemberDoc['role'], at: Date, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: memberId }, { $set: { role, updatedAt: at } }, { session });
    },

    async remove(memberId: string, session: ClientSession): Promise<void> {
      await model.deleteOne({ _id: memberId }, { session });
    },

    /** Returns a page of members, newest first. */
    async list(organization: OrganizationId, after: Position | null, limit: number): Promise<ListPage<MemberDoc>> {
      return listPage<MemberDoc>(model, { time: 'createdAt', indexed: { organization }, after, limit });
    },
  };
}

export function organizationsStore(connection: Connection) {
  const model = connection.model<OrganizationDoc>('Organization', organizationSchema);
  return {
    model,

    /**
     * Counts members and administrators that a transaction adds or removes. Returns the new counts. Concurrent changes
     * of an organization's members conflict here, so at most one of them commits.
     */
    async count(
      organization: OrganizationId,
      { members, administrators }: { members: number; administrators: number },
      session: ClientSession,
    ): Promise<Pick<OrganizationDoc, 'members' | 'administrators'>> {
      return model
        .findOneAndUpdate(
          { _id: organization },
          { $inc: { members, administrators } },
          { upsert: true, returnDocument: 'after', session },
        )
        .lean<OrganizationDoc>()
        .orFail();
    },
  };
}

export function memberInvitationsStore(connection: Connection) {
  const model = connection.model<MemberInvitationDoc>('MemberInvitation', invitationSchema);
  return {
    model,

    async get(id: string, session?: ClientSession): Promise<MemberInvitationDoc | null> {
      return model
        .findById(id)
        .session(session ?? null)
        .lean<MemberInvitationDoc>();
    },

    /** Returns the unexpired invitation that a secret was emailed for. */
    async byToken(token: string, session?: ClientSession): Promise<MemberInvitationDoc | null> {
      return model
        .findOne({ tokens: token, expiresAt: { $gt: new Date() } })
        .session(session ?? null)
        .lean<MemberInvitationDoc>();
    },

    /** Returns the number of unexpired invitations of an organization. */
    async count(organization: OrganizationId, session: ClientSession): Promise<number> {
      return model.countDocuments({ organization, expiresAt: { $gt: new Date() } }).session(session);
    },

    /** Replaces the organization's earlier invitation of the same address. */
    async put(invitation: MemberInvitationDoc, session: ClientSession): Promise<void> {
      const { organization, email } = invitation;
      await model.deleteOne({ organization, email }, { session });
      await model.create([invitation], { session });
    },

    /** Records the hash of a secret that is about to be emailed. */
    async addToken(id: string, token: string, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: id }, { $push: { tokens: { $each: [token], $slice: -MAX_TOKENS } } }, { session });
    },

    /** Removes an invitation. Returns it, or null if the organization has no such invitation. */
    async remove(
      organization: OrganizationId,
      id: string,
      session: ClientSession,
    ): Promise<MemberInvitationDoc | null> {
      return model.findOneAndDelete({ _id: id, organization }, { session }).lean<MemberInvitationDoc>();
    },

    /** Returns a page of invitations, newest first. May contain ones that expired a moment ago. */
    async list(
      organization: OrganizationId,
      after: Position | null,
      limit: number,
    ): Promise<ListPage<MemberInvitationDoc>> {
      return listPage<MemberInvitationDoc>(model, { time: 'createdAt', indexed: { organization }, after, limit });
    },
  };
}
