import type { ClientSession, Model } from 'mongoose';
import { type AgentStatus, LIVING_STATUSES } from '../domain/agent';
import type { Tenant } from '../domain/ids';
import type { KeyedHash } from '../domain/subject';
import type { AgentDoc } from './agents';
import { LIST_TIMEOUT_MS } from './list-page';
import { streamOf } from './stream';

/** Fields that a tree response contains or that determine effective statuses. */
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
  'updatedAt',
  'expiresAt',
  'idleTimeoutSeconds',
  'descendantActivityAt',
  'approvalExpiresAt',
] as const;
export const TREE_PROJECTION = Object.fromEntries(TREE_FIELDS.map((field) => [field, 1 as const]));
export type TreeRow = Pick<AgentDoc, '_id' | (typeof TREE_FIELDS)[number]>;

/** An agent and its descendants. They form one range of the path index, regardless of their status. */
export type Subtree = Pick<AgentDoc, 'tenant' | 'path'>;

/** The part of a tenant's agent trees to walk. */
export interface Walk {
  tenant: Tenant;
  /** Path of the agent whose subtree to walk; null for all trees of the tenant. */
  rootPath: string | null;
  /** Path after which the walk starts; null for the beginning. */
  afterPath: string | null;
  /** The server examines deeper agents but skips them, so this does not bound a query. */
  maxDepth: number | null;
  /** Maximum number of agents to read. Null for a stream, which has no time limit either. */
  maxRows: number | null;
}

/** An agent that a kill has not revoked yet. An agent that is waiting for approval has no `key`. */
export type AliveRow = Pick<AgentDoc, '_id' | 'status'> & { key?: { hash: string } | null };
const ALIVE_FIELDS = { status: 1, 'key.hash': 1 } as const;

/**
 * Maximum number of agents that one command revokes. The server scans the command's list of hashes for each agent, so
 * the cost of a command grows quadratically.
 */
const AGENTS_PER_COMMAND = 250;

/**
 * The character that follows the slash in ASCII. Everything that starts with `<path>/` sorts between `<path>` and
 * `<path>0`.
 */
const NEXT_AFTER_SLASH = '0';

/** Matches only an agent and its descendants, because every character of an ID sorts after the slash. */
export const within = (path: string) => ({ $gte: path, $lt: path + NEXT_AFTER_SLASH });
const alive = ({ tenant, path }: Subtree) => ({ tenant, path: within(path), status: { $in: [...LIVING_STATUSES] } });

/**
 * Creates the queries on subtrees of any size. To limit memory use, they stream agents, count them, or read them by
 * bounded lists of IDs.
 */
export function agentTreeQueries(model: Model<AgentDoc>) {
  const collection = model.db.collection<AgentDoc>(model.collection.collectionName);
  return {
    /** Streams agents in depth-first order. */
    walk({ tenant, rootPath, afterPath, maxDepth, maxRows }: Walk, batchSize: number): AsyncIterable<TreeRow> {
      const after = afterPath === null ? {} : { $gt: afterPath };
      const path = rootPath === null ? after : { ...within(rootPath), ...after };
      const filter = {
        tenant,
        ...(Object.keys(path).length === 0 ? {} : { path }),
        ...(maxDepth === null ? {} : { depth: { $lte: maxDepth } }),
      };
      const bounds = maxRows === null ? {} : { limit: maxRows, maxTimeMS: LIST_TIMEOUT_MS };
      return streamOf(model, filter, { projection: TREE_PROJECTION, sort: { path: 1 }, batchSize, ...bounds });
    },

    async anyAlive(subtree: Subtree, session: ClientSession): Promise<boolean> {
      return (await model.findOne(alive(subtree), { _id: 1 }).session(session).lean()) !== null;
    },

    /** Counts the living agents in a subtree, including its root, up to `limit` if set. */
    async countAlive(subtree: Subtree, options: { limit?: number; session?: ClientSession } = {}): Promise<number> {
      return model.countDocuments(alive(subtree), options).read('primary');
    },

    /** Streams the living agents in a subtree. */
    aliveIn(subtree: Subtree, batchSize: number): AsyncIterable<AliveRow> {
      return streamOf(model, alive(subtree), { projection: ALIVE_FIELDS, batchSize });
    },

    /** Returns the current rows of those agents in `ids` that have not been revoked or rejected. */
    async stillAlive(ids: readonly string[], session: ClientSession): Promise<AliveRow[]> {
      return model
        .find({ _id: { $in: [...ids] }, status: { $in: [...LIVING_STATUSES] } }, ALIVE_FIELDS)
        .session(session)
        .lean<AliveRow[]>();
    },

    /**
     * Revokes or expires the agents whose status and key have not changed since they were read. Sets each agent's status,
     * deletes its key and stores the key's reference. One command revokes many agents, because the server looks up each agent's
     * reference at the position of its key hash in a list. Returns the number of agents that were changed.
     */
    async revokeMany(
      rows: readonly AliveRow[],
      status: AgentStatus,
      revokedKey: KeyedHash,
      at: Date,
      session: ClientSession,
      becomes: 'REVOKED' | 'EXPIRED' = 'REVOKED',
    ): Promise<number> {
      const revoked = { status: becomes, key: null, updatedAt: at };
      const idsOf = (agents: readonly AliveRow[]): string[] => agents.map(({ _id }) => _id);
      const keyed = rows.filter(({ key }) => key);
      const keyless = rows.filter(({ key }) => !key);
      let count = 0;
      for (let n = 0; n < keyed.length; n += AGENTS_PER_COMMAND) {
        const page = keyed.slice(n, n + AGENTS_PER_COMMAND);
        const hashes = page.map(({ key }) => key!.hash);
        const position = { $indexOfArray: [{ $literal: hashes }, '$key.hash'] };
        const revokedKeyRef = { $arrayElemAt: [{ $literal: hashes.map(revokedKey) }, position] };
        const filter = { _id: { $in: idsOf(page) }, status, 'key.hash': { $in: hashes } };
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
