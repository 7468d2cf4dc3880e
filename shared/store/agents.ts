import { type ClientSession, type Connection, Schema } from 'mongoose';
import { type AgentStatus, type AgentType, LIVING_STATUSES, type MembershipSource, type Preset } from '../domain/agent';
import type { AgentOwner, LifetimeFacts } from '../domain/agent-lifetime';
import type { Tenant } from '../domain/ids';
import {
  LIST_TIMEOUT_MS,
  type ListPage,
  listPage,
  mergePages,
  newestFirst,
  type PayForRows,
  type Position,
} from './list-page';
import { tenantRouting } from './routing';

/** An agent. `ancestors` (root … parent) and `path` never change, so a subtree is one range of the path index. */
export interface AgentDoc extends LifetimeFacts {
  _id: string;
  tenant: Tenant;
  name: string;
  type: AgentType;
  preset: Preset;
  allowedEventTypes: string[];
  rateLimitPerMinute: number | null;
  parentId: string | null;
  rootId: string;
  ancestors: string[];
  depth: number;
  /** The IDs from the root to this agent, each preceded by a slash. Paths sort in depth-first order. */
  path: string;
  membershipSource: MembershipSource;
  /** Who is responsible for the agent, in the partner's own words. Deprecated: `owner` replaces it. */
  authorizer: string | null;
  owner?: AgentOwner | null;
  /** ID of the key, member or agent that created this agent. Absent from agents that an earlier version created. */
  createdBy?: string | null;
  /** IDs of the key, the member and the account that requested approval. Absent if no approval was needed. */
  requestedBy?: string[];
  /** ID of the key or member that approved this agent. */
  approvedBy?: string | null;
  key: { hash: string; prefix: string; createdAt: Date } | null;
  /** HMAC of the revoked or expired key's hash. Absent until then, because the index is sparse. */
  revokedKeyRef?: string;
  /** When the sweep next checks whether the agent has expired. Absent if it cannot expire. */
  expiryCheckAt?: Date;
  /** True after a change of the limits, until the sweep has scheduled a check of every descendant. */
  limitsChanged?: true;
  /** `killedAt` and `subtreeSuspendedAt` apply to the whole subtree, including this agent. */
  killedAt: Date | null;
  subtreeSuspendedAt: Date | null;
  approvalId: string | null;
  /** Hash of the request. Distinguishes a retry from a different request with the same idempotency key. */
  fingerprint: string | null;
  /** Upper bound on the number of living children. Revoked children are subtracted only when a limit is reached. */
  childCount: number;
  /** On roots: upper bound on the number of living agents in the tree, including the root. */
  treeSize: number;
  /** On roots: incremented by every change to the tree, so that concurrent changes conflict. */
  treeRevision: number;
}

export type AgentChange = Partial<
  Pick<
    AgentDoc,
    | 'name'
    | 'allowedEventTypes'
    | 'rateLimitPerMinute'
    | 'status'
    | 'key'
    | 'revokedKeyRef'
    | 'subtreeSuspendedAt'
    | 'approvalId'
    | 'approvedBy'
    | 'authorizer'
    | 'owner'
    | 'expiresAt'
    | 'idleTimeoutSeconds'
    | 'expiryCheckAt'
    | 'limitsChanged'
  >
>;

/** The index of siblings. Agents without a parent are siblings, too. */
export const BY_PARENT = { tenant: 1, parentId: 1, createdAt: -1, _id: -1 } as const;

/** Filters for an agent list. */
export interface AgentFilter {
  statuses?: readonly AgentStatus[];
  type?: AgentType;
  /** Selects the direct children of this agent, or the agents without a parent if null. */
  parentId?: string | null;
  /** Selects this agent and its descendants. Takes no `parentId`. */
  below?: string;
}

const keySchema = new Schema({ hash: String, prefix: String, createdAt: Date }, { _id: false });
const ownerSchema = new Schema({ name: String, email: String }, { _id: false });

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
    owner: { type: ownerSchema, default: null },
    createdBy: String,
    requestedBy: { type: [String], default: undefined },
    approvedBy: String,
    approvalExpiresAt: Date,
    expiresAt: Date,
    idleTimeoutSeconds: Number,
    descendantActivityAt: Date,
    expiryCheckAt: Date,
    limitsChanged: Boolean,
    key: { type: keySchema, default: null },
    revokedKeyRef: String,
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
// Not unique, because random 256-bit keys do not collide. A unique index would have to be partial, and one of the
// supported MongoDB-compatible servers cannot use such an index here.
schema.index({ 'key.hash': 1 });
schema.index({ revokedKeyRef: 1 }, { sparse: true });
schema.index({ expiryCheckAt: 1 }, { sparse: true });
schema.index({ tenant: 1, createdAt: -1, _id: -1 });
schema.index({ tenant: 1, status: 1, createdAt: -1, _id: -1 });
schema.index({ tenant: 1, path: 1, status: 1 });
schema.index({ tenant: 1, name: 1, _id: 1 });
schema.index({ name: 1, _id: 1 });
schema.index({ 'key.prefix': 1 }, { sparse: true });
schema.index({ 'owner.name': 1, tenant: 1, _id: 1 });
schema.index({ 'owner.email': 1, tenant: 1, _id: 1 });
schema.index({ ancestors: 1, createdAt: -1, _id: -1 });
schema.index(BY_PARENT);
schema.index({ parentId: 1, status: 1 });
schema.index({ approvalId: 1 }, { partialFilterExpression: { approvalId: { $type: 'string' } } });

/** Limits the cost of counting a tenant's agents. */
const MAX_COUNTED = 100_000;

const positionOf = ({ createdAt, _id }: AgentDoc): Position => ({ atMs: createdAt.getTime(), id: _id });

export function agentsStore(connection: Connection) {
  const model = connection.model<AgentDoc>('Agent', schema);
  const routing = tenantRouting(connection);
  return {
    model,

    async insert(agent: AgentDoc, session: ClientSession): Promise<void> {
      await model.create([agent], { session });
    },

    /** Inserts all agents in one driver call. */
    async insertMany(agents: AgentDoc[], session: ClientSession): Promise<void> {
      await model.insertMany(agents, { session });
    },

    /** Returns an agent, or null if it does not exist or belongs to another tenant. */
    async get(tenant: Tenant, agentId: string, session?: ClientSession): Promise<AgentDoc | null> {
      return model
        .findOne({ _id: agentId, tenant })
        .session(session ?? null)
        .read('primary')
        .lean<AgentDoc>();
    },

    /** Returns agents in the order of `ids`. Skips IDs of agents that do not exist. */
    async byIds(ids: readonly string[], session?: ClientSession): Promise<AgentDoc[]> {
      const docs = await model
        .find({ _id: { $in: [...ids] } })
        .session(session ?? null)
        .read('primary')
        .lean<AgentDoc[]>();
      const found = new Map(docs.map((doc) => [doc._id, doc]));
      return ids.flatMap((id) => found.get(id) ?? []);
    },

    /** Returns the IDs of an agent's descendants, whatever their status. */
    async idsBelow(tenant: Tenant, agentId: string): Promise<string[]> {
      const docs = await model
        .find({ ancestors: agentId, tenant }, { _id: 1 })
        .hint({ ancestors: 1, createdAt: -1, _id: -1 })
        .read('primary')
        .maxTimeMS(LIST_TIMEOUT_MS)
        .lean<{ _id: string }[]>();
      return docs.map(({ _id }) => _id);
    },

    async byApproval(tenant: Tenant, approvalId: string): Promise<AgentDoc | null> {
      return model.findOne({ approvalId, tenant }).read('primary').lean<AgentDoc>();
    },

    /**
     * Returns a page of agents, newest first. If a filter is set that the index does not cover, the page can be short.
     */
    async list(
      tenant: Tenant,
      { statuses, type, parentId, below }: AgentFilter,
      after: Position | null,
      limit: number,
      bounds: { maxExamined?: number; pay?: PayForRows } = {},
    ): Promise<ListPage<AgentDoc>> {
      const status = statuses ? { status: { $in: [...statuses] } } : {};
      const ofType = type ? { type } : {};
      const query = { time: 'createdAt', after, limit, ...bounds };
      if (parentId !== undefined) {
        const filter = statuses || type ? { filter: { ...status, ...ofType } } : {};
        return listPage<AgentDoc>(model, { ...query, indexed: { tenant, parentId }, ...filter });
      }
      if (below === undefined) {
        const filter = type ? { filter: ofType } : {};
        return listPage<AgentDoc>(model, { ...query, indexed: { tenant, ...status }, ...filter });
      }
      const matching = { tenant, ...status, ...ofType };
      const [page, own] = await Promise.all([
        listPage<AgentDoc>(model, { ...query, indexed: { ancestors: below }, filter: matching }),
        model
          .findOne({ _id: below, ...matching })
          .hint({ _id: 1 })
          .maxTimeMS(LIST_TIMEOUT_MS)
          .lean<AgentDoc>(),
      ]);
      const isAfter = own !== null && (after === null || newestFirst(after, positionOf(own)) < 0);
      const ownPage: ListPage<AgentDoc>[] = isAfter ? [{ rows: [own], next: null, examined: 0 }] : [];
      return mergePages([page, ...ownPage], limit, positionOf);
    },

    /** Counts a tenant's agents with these statuses of their own, up to `limit`. */
    async countOf(tenant: Tenant, statuses: readonly AgentStatus[], limit = MAX_COUNTED) {
      const filter = { tenant, status: { $in: [...statuses] } };
      const count = await model.countDocuments(filter, { limit, maxTimeMS: LIST_TIMEOUT_MS });
      return { count, isComplete: count < limit };
    },

    async byKeyHash(hash: string): Promise<AgentDoc | null> {
      return model.findOne({ 'key.hash': hash }).read('primary').lean<AgentDoc>();
    },

    /** Returns the status of the revoked or expired agent whose key hash has the HMAC `ref`, or null. */
    async statusOfRevokedKey(ref: string): Promise<AgentStatus | null> {
      const agent = await model
        .findOne({ revokedKeyRef: ref }, { status: 1 })
        .read('primary')
        .lean<Pick<AgentDoc, 'status'>>();
      return agent?.status ?? null;
    },

    /** Applies a change to an agent. Returns null if the agent has changed since `before` was read. */
    async change(before: AgentDoc, change: AgentChange, at: Date, session: ClientSession): Promise<AgentDoc | null> {
      const updatedAt = new Date(Math.max(at.getTime(), before.updatedAt.getTime() + 1));
      return model
        .findOneAndUpdate(
          { _id: before._id, ...routing([before.tenant]), updatedAt: before.updatedAt, status: before.status },
          { $set: { ...change, updatedAt } },
          { returnDocument: 'after', session },
        )
        .lean<AgentDoc>();
    },

    /** Updates the root of a tree, so that concurrent transactions on the tree conflict. */
    async touchTree(rootId: string, sizeDelta: number, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: rootId }, { $inc: { treeRevision: 1, treeSize: sizeDelta } }, { session });
    },

    async addChildren(parentId: string, count: number, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: parentId }, { $inc: { childCount: count } }, { session });
    },

    /** Counts children that are neither revoked nor rejected, up to `limit`. */
    async livingChildren(parentId: string, limit: number, session: ClientSession): Promise<number> {
      return model.countDocuments({ parentId, status: { $in: [...LIVING_STATUSES] } }, { limit, session });
    },

    /** Marks a subtree as killed, permanently. */
    async markKilled(agentId: string, at: Date, session: ClientSession): Promise<void> {
      await model.updateOne({ _id: agentId, killedAt: null }, { $set: { killedAt: at } }, { session });
    },
  };
}
