import { z } from 'zod';
import { type AgentStatus, OWN_STATUSES_OF } from '../../shared/domain/agent';
import type { AgentLimits } from '../../shared/store/agent-lifetimes';
import type { AgentDoc, AgentFilter } from '../../shared/store/agents';
import { ownerOf } from '../../shared/concurrency/long-work';
import { MAX_ROWS_EXAMINED } from '../../shared/store/list-page';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { type Charge, FREE, payForRows } from '../http/price';
import { route } from '../http/route';

import { type AgentAccess, agentAccess } from './agent-access';
import { agentStatusSchema, agentTypeSchema } from './enum-schemas';
import { agentSchema, presentAgent, statusOf } from './present-agent';

/** An agent and what its ancestors impose on it, root first. */
export interface FoundAgent {
  agent: AgentDoc;
  above: AgentLimits[];
}

/** The agents to list: the subtree of `self`, or all of the tenant's agents if `self` is null. */
export type AgentScope = Pick<AgentAccess, 'tenant' | 'self'>;

export interface AgentQuery {
  limit: number;
  cursor?: string | undefined;
  status?: AgentStatus | undefined;
  type?: AgentDoc['type'] | undefined;
}

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** Adds what each agent's ancestors impose on it, using one query for all agents. */
async function withLimits({ store }: Deps, agents: AgentDoc[]): Promise<FoundAgent[]> {
  const ids = new Set(agents.flatMap(({ ancestors }) => ancestors));
  const limits = ids.size === 0 ? new Map<string, AgentLimits>() : await store.agents.limitsOf(ids);
  return agents.map((agent) => ({ agent, above: agent.ancestors.flatMap((id) => limits.get(id) ?? []) }));
}

/**
 * Returns a page of agents, newest first. A filtered page may contain fewer than `limit` agents even if more pages
 * follow. Charges for the agents that it reads beyond `limit`. Once the budget is exhausted, returns the page.
 */
export async function pageOfAgents<Item>(
  deps: Deps,
  { tenant, self }: AgentScope,
  { limit, cursor, status, type }: AgentQuery,
  present: (found: FoundAgent) => Item,
  charge: Charge = FREE,
): Promise<{ data: Item[]; nextCursor: string | null }> {
  const { store, secrets } = deps;
  const owner = `${tenant}|agents`;
  const filter: AgentFilter = {
    ...(status === undefined ? {} : { statuses: OWN_STATUSES_OF[status] }),
    ...(type === undefined ? {} : { type }),
    ...(self === null ? {} : { below: self }),
  };
  const pay = payForRows(limit, charge);
  const found: FoundAgent[] = [];
  let next = readCursor(secrets.cursor, owner, cursor);
  let left = MAX_ROWS_EXAMINED;
  // An agent's effective status depends on its ancestors, so agents are filtered by it after each read.
  for (let batchSize = limit, more = true; more; batchSize *= 2) {
    const page = await store.agents.list(tenant, filter, next, batchSize, { maxExamined: left, pay });
    const all = await withLimits(deps, page.rows);
    found.push(...all.filter(({ agent, above }) => status === undefined || statusOf(agent, above) === status));
    next = page.next;
    left -= page.examined;
    more = next !== null && left > 0 && found.length < limit && (await pay(0));
  }
  const rows = found.slice(0, limit);
  const last = rows.at(-1)?.agent;
  if (found.length > limit && last) next = { atMs: last.createdAt.getTime(), id: last._id };
  return presentPage(secrets.cursor, owner, { rows, next }, present);
}

export const listAgentsRoute = route({
  operationId: 'listAgents',
  method: 'GET',
  path: '/agents',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    memberScope: 'agents:read',
    availableWithoutRedis: true,
    price: { rows: requestedRows, asRead: true },
  },
  tag: 'Agents',
  summary: 'List agents, newest first',
  description:
    'Agents see only themselves and their descendants. If you filter by `status` or `type`, a page may contain fewer than `limit` agents; continue until `nextCursor` is null.',
  query: z.strictObject({
    ...pageQuery,
    status: agentStatusSchema.optional(),
    type: agentTypeSchema.optional(),
  }),
  answers: {
    200: {
      description: 'A page of agents',
      schema: pageSchema('AgentPage', agentSchema),
    },
  },
  problems: [],
  handle: async (call) => {
    const access = agentAccess(call, { write: false });
    const { ctx, query, caller } = call;
    const present = ({ agent, above }: FoundAgent) => presentAgent(agent, above);
    const page = () => pageOfAgents(ctx, access, query, present, caller.charge);
    return { status: 200, body: await ctx.longWork.list(ownerOf(access.tenant, access.self), page) };
  },
});
