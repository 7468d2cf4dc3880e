import type { Model } from 'mongoose';
import type { Tenant } from '../domain/ids';
import type { AgentLimits } from './agent-lifetimes';
import { TREE_PROJECTION, type TreeRow } from './agent-tree';
import { type AgentDoc, BY_PARENT } from './agents';
import { LIST_TIMEOUT_MS, type ListPage, listPage, type Position, rangesAfter } from './list-page';

const NEWEST_FIRST = { createdAt: -1, _id: -1 } as const;

/** Siblings, and what each of their ancestors imposes on them. */
export interface Siblings {
  page: ListPage<AgentDoc>;
  limits: Map<string, AgentLimits>;
}

/** Creates the queries that read the children of one agent, however many there are. */
export function agentSiblingQueries(model: Model<AgentDoc>) {
  const collection = model.db.collection<AgentDoc>(model.collection.collectionName);
  return {
    /** Returns a page of an agent's children, oldest first. */
    async children(
      { _id, tenant }: Pick<AgentDoc, '_id' | 'tenant'>,
      after: Position | null,
      limit: number,
    ): Promise<ListPage<TreeRow>> {
      const order = { time: 'createdAt', direction: 1, indexed: { tenant, parentId: _id }, hint: BY_PARENT } as const;
      return listPage<TreeRow>(model, { ...order, projection: TREE_PROJECTION, after, limit });
    },

    /**
     * Returns a page of an agent's children, or of the agents without a parent, newest first, with what their ancestors
     * impose on them. One command reads both, so that a client can expand a node of a large tree at the cost of one read.
     * A page after the first takes up to two.
     */
    async siblings(tenant: Tenant, parentId: string | null, after: Position | null, limit: number): Promise<Siblings> {
      const rows: AgentDoc[] = [];
      let ancestors: (AgentLimits & { _id: string })[] = [];
      for (const range of rangesAfter({ time: 'createdAt' }, after)) {
        const [found] = await collection
          .aggregate<{ rows: AgentDoc[]; above: typeof ancestors }>(
            [
              { $match: { tenant, parentId, ...range } },
              { $sort: NEWEST_FIRST },
              // One more than the page contains, which shows whether another page follows.
              { $limit: limit + 1 - rows.length },
              // Siblings have the same ancestors.
              { $group: { _id: null, rows: { $push: '$$ROOT' }, ids: { $first: '$ancestors' } } },
              // Without a pipeline, which makes one of the supported servers read the whole collection.
              { $lookup: { from: collection.collectionName, localField: 'ids', foreignField: '_id', as: 'above' } },
            ],
            { hint: BY_PARENT, maxTimeMS: LIST_TIMEOUT_MS },
          )
          .toArray();
        if (found) {
          rows.push(...found.rows);
          ancestors = found.above;
        }
        if (rows.length > limit) break;
      }
      const shown = rows.slice(0, limit);
      const last = rows.length > limit ? shown.at(-1)! : null;
      return {
        page: {
          rows: shown,
          next: last && { atMs: last.createdAt.getTime(), id: last._id },
          examined: rows.length,
        },
        limits: new Map(ancestors.map((one) => [one._id, one])),
      };
    },
  };
}
