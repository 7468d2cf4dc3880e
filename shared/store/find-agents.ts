import type { Model } from 'mongoose';
import type { AgentOwner } from '../domain/agent-lifetime';
import type { Tenant } from '../domain/ids';
import { type AgentLimits, LIMIT_FIELDS } from './agent-lifetimes';
import type { AgentDoc } from './agents';
import { LIST_TIMEOUT_MS, startsWith } from './list-page';

/** An agent on the path of another one. */
type PathAgent = AgentLimits & Pick<AgentDoc, '_id' | 'name'>;
const PATH_FIELDS = { ...LIMIT_FIELDS, name: 1 } as const;

const of = (tenant: Tenant | null) => (tenant === null ? {} : { tenant });

/**
 * Creates the queries that find agents from what a person has at hand. Each reads one index, and at most `limit` agents.
 * Without a tenant, they find agents of all partners in both environments.
 */
export function agentFinders(model: Model<AgentDoc>) {
  const find = (filter: object, index: Record<string, 1>, limit: number): Promise<AgentDoc[]> =>
    model
      .find(filter)
      .hint(index)
      .sort(index)
      .limit(limit)
      .read('primary')
      .maxTimeMS(LIST_TIMEOUT_MS)
      .lean<AgentDoc[]>();
  return {
    /** Returns agents whose name starts with a text, in the order of their names. */
    byName: (tenant: Tenant | null, text: string, limit: number): Promise<AgentDoc[]> =>
      find(
        { ...of(tenant), name: startsWith(text) },
        { ...(tenant === null ? {} : { tenant: 1 }), name: 1, _id: 1 },
        limit,
      ),

    /**
     * Returns agents whose owner has exactly this name or email address, in the order of their tenants and IDs. Emails
     * are in lower case.
     */
    byOwner: (tenant: Tenant | null, field: keyof AgentOwner, text: string, limit: number): Promise<AgentDoc[]> =>
      find({ [`owner.${field}`]: text, ...of(tenant) }, { [`owner.${field}`]: 1, tenant: 1, _id: 1 }, limit),

    /** Returns a tenant's agents whose current key starts with a text. */
    byKeyPrefix: (tenant: Tenant, text: string, limit: number): Promise<AgentDoc[]> =>
      find({ 'key.prefix': startsWith(text), tenant }, { 'key.prefix': 1 }, limit),

    /** Returns a tenant's agent that has, or had when it was revoked, the key with this hash. */
    async byKey(tenant: Tenant, { hash, ref }: { hash: string; ref: string }): Promise<AgentDoc[]> {
      const current = await find({ 'key.hash': hash, tenant }, { 'key.hash': 1 }, 1);
      return current.length > 0 ? current : find({ revokedKeyRef: ref, tenant }, { revokedKeyRef: 1 }, 1);
    },

    /** Returns the names of those of the tenant's agents that are in `ids`, by ID. */
    async namesOf(tenant: Tenant, ids: readonly string[]): Promise<Map<string, string>> {
      const docs = await model.find({ _id: { $in: [...ids] }, tenant }, { name: 1 }).lean<AgentDoc[]>();
      return new Map(docs.map(({ _id, name }) => [_id, name]));
    },

    /** Returns what the paths of other agents show of these agents. Skips IDs of agents that do not exist. */
    async onPaths(ids: readonly string[]): Promise<Map<string, PathAgent>> {
      const docs = await model
        .find({ _id: { $in: [...ids] } }, PATH_FIELDS)
        .read('primary')
        .maxTimeMS(LIST_TIMEOUT_MS)
        .lean<PathAgent[]>();
      return new Map(docs.map((doc) => [doc._id, doc]));
    },
  };
}
