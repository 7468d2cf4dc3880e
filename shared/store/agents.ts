import { type ClientSession, type Connection, Schema } from 'mongoose';
import type { AgentStatus, AgentType, MembershipSource, Preset } from '../domain/agent';
import type { Tenant } from '../domain/ids';

/** An agent. `ancestors` (root … parent) never change, so a subtree is one indexed look-up. */
export interface AgentDoc {
  _id: string;
  tenant: Tenant;
  name: string;
  type: AgentType;
  preset: Preset;
  allowedEventTypes: string[];
  rateLimitPerMinute: number | null;
  status: AgentStatus;
  parentId: string | null;
  rootId: string;
  ancestors: string[];
  depth: number;
  /** Order of a depth-first walk: the ids from the root to this agent, each preceded by a slash. */
  path: string;
  membershipSource: MembershipSource;
  /** Who answers for it, in the partner's own words. */
  authorizer: string | null;
  key: { hash: string; prefix: string; createdAt: Date } | null;
  /** Marks of the whole subtree below and including this agent. */
  killedAt: Date | null;
  subtreeSuspendedAt: Date | null;
  approvalId: string | null;
  /** Hash of what was asked, to tell a replay from a misuse of its idempotency key. */
  fingerprint: string | null;
  childCount: number;
  /** On roots: agents in the tree, and a counter that every kill and spawn in the tree writes, so that they conflict. */
  treeSize: number;
  treeRevision: number;
  createdAt: Date;
  updatedAt: Date;
  lastActivityAt: Date | null;
}

export type AgentChange = Partial<
  Pick<
    AgentDoc,
    'name' | 'allowedEventTypes' | 'rateLimitPerMinute' | 'status' | 'key' | 'subtreeSuspendedAt' | 'approvalId'
  >
>;

const keySchema = new Schema({ hash: String, prefix: String, createdAt: Date }, { _id: false });

const schema = new Schema<AgentDoc>(
  {
    _id: String,
    tenant: { type: String, required: true },
    name: { type: String, required: true },
    type: { type: String, required: true },
    preset: { type: String, required: true },
    allowedEventTypes: [String],
    rateLimitPerMinute: Number,
    status: { type: String, required: true },
    parentId: String,
    rootId: { type: String, required: true },
    ancestors: [String],
    depth: { type: Number, required: true },
    path: { type: String, required: true },
    membershipSource: { type: String, required: true },
    authorizer: String,
    key: { type: keySchema, default: null },
    killedAt: Date,
    subtreeSuspendedAt: Date,
    approvalId: String,
    fingerprint: String,
    childCount: { type: Number, required: true },
    treeSize: { type: Number, required: true },
    treeRevision: { type: Number, required: true },
    createdAt: { type: Date, required: true },
    updatedAt: { type: Date, required: true },
    lastActivityAt: Date,
  },
  { collection: 'agents', versionKey: false, strict: 'throw' },
);
schema.index({ 'key.hash': 1 }, { unique: true, partialFilterExpression: { 'key.hash': { $exists: true } } });
schema.index({ tenant: 1, createdAt: -1, _id: -1 });
schema.index({ tenant: 1, status: 1, createdAt: -1, _id: -1 });
schema.index({ tenant: 1, path: 1 });
schema.index({ ancestors: 1, status: 1 });
schema.index({ parentId: 1, createdAt: 1, _id: 1 });
schema.index({ approvalId: 1 }, { partialFilterExpression: { approvalId: { $type: 'string' } } });

/** Statuses from which an agent can still be revoked. */
const REVOCABLE: AgentStatus[] = ['ACTIVE', 'SUSPENDED', 'PENDING_APPROVAL'];

export function agentsStore(connection: Connection) {
  const model = connection.model<AgentDoc>('Agent', schema);
  return {
    model,

    async insert(agent: AgentDoc, session: ClientSession): Promise<void> {
      await model.create([agent], { session });
    },

    /** The agent when it is the tenant's; a foreign one answers like a missing one. */
    async get(tenant: Tenant, agentId: string, session?: ClientSession): Promise<AgentDoc | null> {
      return model
        .findOne({ _id: agentId, tenant })
        .session(session ?? null)
        .read('primary')
        .lean<AgentDoc>();
    },

    /** Agents by id, in the order asked; those that are missing are left out. */
    async byIds(ids: readonly string[], session?: ClientSession): Promise<AgentDoc[]> {
      const docs = await model
        .find({ _id: { $in: [...ids] } })
        .session(session ?? null)
        .read('primary')
        .lean<AgentDoc[]>();
      const found = new Map(docs.map((doc) => [doc._id, doc]));
      return ids.flatMap((id) => found.get(id) ?? []);
    },

    async byKeyHash(hash: string): Promise<AgentDoc | null> {
      return model.findOne({ 'key.hash': hash }).read('primary').lean<AgentDoc>();
    },

    /** Applies a change unless the agent changed since `before` was read; null when somebody else was first. */
    async change(before: AgentDoc, change: AgentChange, at: Date, session: ClientSession): Promise<AgentDoc | null> {
      const updatedAt = new Date(Math.max(at.getTime(), before.updatedAt.getTime() + 1));
      return model
        .findOneAndUpdate(
          { _id: before._id, updatedAt: before.updatedAt, status: before.status },
          { $set: { ...change, updatedAt } },
          { returnDocument: 'after', session },
        )
        .lean<AgentDoc>();
    },

    /** Writes the tree's root, so that whatever else writes it in a racing transaction conflicts. */
    async touchTree(rootId: string, grown: number, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: rootId }, { $inc: { treeRevision: 1, treeSize: grown } }, { session });
    },

    async addChildren(parentId: string, count: number, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: parentId }, { $inc: { childCount: count } }, { session });
    },

    /** Sets the kill mark of a subtree; it never goes away. */
    async markKilled(agentId: string, at: Date, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: agentId, killedAt: null }, { $set: { killedAt: at } }, { session });
    },

    /** Ids below an agent that are not revoked yet, in one streaming pass. */
    descendantsAlive(agentId: string, batchSize: number): AsyncIterable<{ _id: string }> {
      return model
        .find({ ancestors: agentId, status: { $in: REVOCABLE } }, { _id: 1 })
        .read('primary')
        .lean<{ _id: string }[]>()
        .cursor({ batchSize });
    },

    /** How many would be revoked with an agent, itself included: by status, and the deepest of them. */
    async preview(agentId: string): Promise<{ byStatus: Record<string, number>; deepest: number }> {
      const groups = await model.aggregate<{ _id: string; count: number; deepest: number }>([
        { $match: { $or: [{ _id: agentId }, { ancestors: agentId }], status: { $in: REVOCABLE } } },
        { $group: { _id: '$status', count: { $sum: 1 }, deepest: { $max: '$depth' } } },
      ]);
      return {
        byStatus: Object.fromEntries(groups.map(({ _id, count }) => [_id, count])),
        deepest: Math.max(0, ...groups.map(({ deepest }) => deepest)),
      };
    },

    /** Of the given agents, those still to be revoked, as they are before. */
    async stillAlive(ids: readonly string[], session: ClientSession): Promise<Pick<AgentDoc, '_id' | 'status'>[]> {
      return model
        .find({ _id: { $in: [...ids] }, status: { $in: REVOCABLE } }, { status: 1 })
        .session(session)
        .lean<Pick<AgentDoc, '_id' | 'status'>[]>();
    },

    /** Revokes agents for good: status and key. */
    async revokeMany(ids: readonly string[], at: Date, session: ClientSession): Promise<void> {
      await model.updateMany(
        { _id: { $in: [...ids] } },
        { $set: { status: 'REVOKED', key: null, updatedAt: at } },
        { session },
      );
    },

    /** Notes when agents were last seen; never moves back. */
    async noteActivity(seen: readonly (readonly [agentId: string, at: Date])[]): Promise<void> {
      if (seen.length === 0) return;
      const writes = seen.map(([agentId, at]) => ({
        updateOne: { filter: { _id: agentId as never }, update: { $max: { lastActivityAt: at } } },
      }));
      await model.collection.bulkWrite(writes, { ordered: false });
    },
  };
}

export type AgentsStore = ReturnType<typeof agentsStore>;
