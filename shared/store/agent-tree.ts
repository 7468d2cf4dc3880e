import type { ClientSession, Model } from 'mongoose';
import { type AgentStatus, LIVING_STATUSES } from '../domain/agent';
import type { Tenant } from '../domain/ids';
import type { KeyedHash } from '../domain/subject';
import type { AgentDoc } from './agents';
import { streamOf } from './stream';

/** What a tree shows of an agent, and what its effective status follows from. */
const TREE_FIELDS = [
  'name',
  'type',
  'status',
  'parentId',
  'depth',
  'path',
  'membershipSource',
  'killedAt',
  'subtreeSuspendedAt',
  'lastActivityAt',
  'createdAt',
] as const;
const PROJECTION = Object.fromEntries(TREE_FIELDS.map((field) => [field, 1 as const]));
export type TreeRow = Pick<AgentDoc, '_id' | (typeof TREE_FIELDS)[number]>;

/** An agent and everything below it: one range of the index of paths, which no update of a status leaves. */
export type Subtree = Pick<AgentDoc, 'tenant' | 'path'>;

/** Which part of a tenant's trees to walk. */
export interface Walk {
  tenant: Tenant;
  /** Path of the agent whose subtree it is; null: all trees of the tenant. */
  rootPath: string | null;
  /** Only what follows this path. */
  afterPath: string | null;
  maxDepth: number | null;
}

/** An agent that a kill has not revoked yet; `key` is missing or null while it waits for approval. */
export type AliveRow = Pick<AgentDoc, '_id' | 'status'> & { key?: { hash: string } | null };
const ALIVE_FIELDS = { status: 1, 'key.hash': 1 } as const;

/** The server searches a command's list of hashes for each agent, so the cost of a command grows with the square. */
const AGENTS_PER_COMMAND = 250;

/** Sorts right behind the slash: what begins with `<path>/` lies between `<path>` and `<path>0`. */
const BEHIND_SLASH = '0';

/** No path sorts between an agent's own and its descendants': what may stand in an id sorts behind the slash. */
const within = (path: string) => ({ $gte: path, $lt: path + BEHIND_SLASH });
const alive = ({ tenant, path }: Subtree) => ({ tenant, path: within(path), status: { $in: [...LIVING_STATUSES] } });

/** Queries that go over whole subtrees, however big: streamed, counted, or in bounded lists of ids. */
export function agentTreeQueries(model: Model<AgentDoc>) {
  const collection = model.db.collection<AgentDoc>(model.collection.collectionName);
  return {
    /** Agents in the order of a depth-first walk, as one stream. */
    walk({ tenant, rootPath, afterPath, maxDepth }: Walk, batchSize: number): AsyncIterable<TreeRow> {
      const after = afterPath === null ? {} : { $gt: afterPath };
      const path = rootPath === null ? after : { ...within(rootPath), ...after };
      const filter = {
        tenant,
        ...(Object.keys(path).length === 0 ? {} : { path }),
        ...(maxDepth === null ? {} : { depth: { $lte: maxDepth } }),
      };
      return streamOf(model, filter, { projection: PROJECTION, sort: { path: 1 }, batchSize });
    },

    /** Children of an agent, the oldest first. */
    async children(agentId: string, after: { atMs: number; id: string } | null, limit: number): Promise<TreeRow[]> {
      const at = after && new Date(after.atMs);
      const older = at ? { $or: [{ createdAt: { $gt: at } }, { createdAt: at, _id: { $gt: after.id } }] } : {};
      return model
        .find({ parentId: agentId, ...older }, PROJECTION)
        .sort({ createdAt: 1, _id: 1 })
        .limit(limit)
        .read('primary')
        .lean<TreeRow[]>();
    },

    async anyAlive(subtree: Subtree, session: ClientSession): Promise<boolean> {
      return (await model.findOne(alive(subtree), { _id: 1 }).session(session).lean()) !== null;
    },

    /** How many of a subtree are not revoked yet, itself included; counted up to a limit when one is given. */
    async countAlive(subtree: Subtree, options: { limit?: number; session?: ClientSession } = {}): Promise<number> {
      return model.countDocuments(alive(subtree), options).read('primary');
    },

    /** Agents of a subtree that are not revoked yet, in one streaming pass. */
    aliveIn(subtree: Subtree, batchSize: number): AsyncIterable<AliveRow> {
      return streamOf(model, alive(subtree), { projection: ALIVE_FIELDS, batchSize });
    },

    /** Of the given agents, those still to be revoked, as they are now. */
    async stillAlive(ids: readonly string[], session: ClientSession): Promise<AliveRow[]> {
      return model
        .find({ _id: { $in: [...ids] }, status: { $in: [...LIVING_STATUSES] } }, ALIVE_FIELDS)
        .session(session)
        .lean<AliveRow[]>();
    },

    /**
     * Revokes those of the agents that still have the status and key that were read: sets the status, nulls the key and
     * stores its reference. One command revokes many agents with a key: the server picks each reference from a list, by
     * the hash that it nulls. Returns how many were revoked.
     */
    async revokeMany(
      rows: readonly AliveRow[],
      status: AgentStatus,
      revokedKey: KeyedHash,
      at: Date,
      session: ClientSession,
    ): Promise<number> {
      const revoked = { status: 'REVOKED' as const, key: null, updatedAt: at };
      const idsOf = (some: readonly AliveRow[]): string[] => some.map(({ _id }) => _id);
      const keyed = rows.filter(({ key }) => key);
      const keyless = rows.filter(({ key }) => !key);
      let count = 0;
      for (let n = 0; n < keyed.length; n += AGENTS_PER_COMMAND) {
        const some = keyed.slice(n, n + AGENTS_PER_COMMAND);
        const hashes = some.map(({ key }) => key!.hash);
        const position = { $indexOfArray: [{ $literal: hashes }, '$key.hash'] };
        const revokedKeyRef = { $arrayElemAt: [{ $literal: hashes.map(revokedKey) }, position] };
        const filter = { _id: { $in: idsOf(some) }, status, 'key.hash': { $in: hashes } };
        const update = [{ $set: { ...revoked, revokedKeyRef } }];
        count += (await collection.updateMany(filter, update, { session })).modifiedCount;
      }
      if (keyless.length > 0) {
        const filter = { _id: { $in: idsOf(keyless) }, status, key: null };
        count += (await collection.updateMany(filter, { $set: revoked }, { session })).modifiedCount;
      }
      return count;
    },
  };
}
