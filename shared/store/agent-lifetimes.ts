import type { Model } from 'mongoose';
import { LIVING_STATUSES, type SubtreeMarks } from '../domain/agent';
import type { LifetimeFacts } from '../domain/agent-lifetime';
import { type Subtree, within } from './agent-tree';
import type { AgentDoc } from './agents';
import { tenantRouting } from './routing';

/** What an agent imposes on its descendants: marks and limits. */
export type AgentLimits = SubtreeMarks & LifetimeFacts;
export const LIMIT_FIELDS = {
  killedAt: 1,
  subtreeSuspendedAt: 1,
  status: 1,
  expiresAt: 1,
  idleTimeoutSeconds: 1,
  createdAt: 1,
  updatedAt: 1,
  lastActivityAt: 1,
  descendantActivityAt: 1,
  approvalExpiresAt: 1,
} as const satisfies Record<keyof AgentLimits, 1>;

type ActivityFields = Pick<AgentDoc, 'lastActivityAt' | 'descendantActivityAt'>;
/** Times by agent ID. */
type Times = readonly (readonly [agentId: string, at: Date])[];

/** An agent whose check is due, and when to check it next. Null if it cannot expire anymore. */
export type NextCheck = readonly [agent: Pick<AgentDoc, '_id' | 'tenant' | 'expiryCheckAt'>, next: Date | null];

/** Creates the queries about when agents were active, and when they expire. */
export function agentLifetimeQueries(model: Model<AgentDoc>) {
  const collection = model.db.collection<AgentDoc>(model.collection.collectionName);
  const routing = tenantRouting(model.db);

  const record = async (times: Times, fieldOf: (at: Date) => Partial<ActivityFields>): Promise<void> => {
    if (times.length === 0) return;
    const writes = times.map(([agentId, at]) => ({
      updateOne: { filter: { _id: agentId }, update: { $max: fieldOf(at) } },
    }));
    await collection.bulkWrite(writes, { ordered: false });
  };

  const limitsOf = async (ids: Iterable<string>): Promise<Map<string, AgentLimits>> => {
    const docs = await model.find({ _id: { $in: [...ids] } }, LIMIT_FIELDS).lean<(AgentLimits & { _id: string })[]>();
    return new Map(docs.map((doc) => [doc._id, doc]));
  };

  return {
    /** Returns what each agent imposes on its descendants, by agent ID. */
    limitsOf,

    /** Returns what an agent's ancestors impose on it, root first. */
    async limitsAbove({ ancestors }: Pick<AgentDoc, 'ancestors'>): Promise<AgentLimits[]> {
      if (ancestors.length === 0) return [];
      const limits = await limitsOf(ancestors);
      return ancestors.flatMap((id) => limits.get(id) ?? []);
    },

    /** Records when agents were last active. Never moves a time backward. */
    recordActivity: (times: Times): Promise<void> => record(times, (at) => ({ lastActivityAt: at })),

    /** Records when descendants of agents were last active. Never moves a time backward. */
    recordDescendantActivity: (times: Times): Promise<void> => record(times, (at) => ({ descendantActivityAt: at })),

    /** Returns agents whose check for expiry is due, longest overdue first. */
    async dueForExpiryCheck(now: Date, limit: number): Promise<AgentDoc[]> {
      return model
        .find({ expiryCheckAt: { $lte: now } })
        .sort({ expiryCheckAt: 1 })
        .limit(limit)
        .read('primary')
        .lean<AgentDoc[]>();
    },

    /** Schedules the next check of agents, unless it has been rescheduled since they were read. */
    async scheduleExpiryChecks(checks: readonly NextCheck[]): Promise<void> {
      const writes = checks.flatMap(([{ _id, tenant, expiryCheckAt }, next]) =>
        expiryCheckAt === undefined
          ? []
          : {
              updateOne: {
                filter: { _id, ...routing([tenant]), expiryCheckAt },
                update: next === null ? { $unset: { expiryCheckAt: 1 as const } } : { $set: { expiryCheckAt: next } },
              },
            },
      );
      if (writes.length > 0) await collection.bulkWrite(writes, { ordered: false });
    },

    /**
     * Schedules a check of every living descendant of an agent whose limits have changed. Until this is done, nothing
     * but the check of expired agents is late, because the limits of an agent's path apply to its requests at once.
     */
    async scheduleSubtreeChecks(agent: Pick<AgentDoc, '_id' | 'updatedAt'> & Subtree, at: Date): Promise<void> {
      const { _id, tenant, path, updatedAt } = agent;
      const living = { tenant, path: within(path), status: { $in: [...LIVING_STATUSES] }, _id: { $ne: _id } };
      await collection.updateMany(living, { $set: { expiryCheckAt: at } });
      await collection.updateOne({ _id, ...routing([tenant]), updatedAt }, { $unset: { limitsChanged: 1 } });
    },
  };
}
