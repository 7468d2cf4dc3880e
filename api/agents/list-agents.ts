import { z } from 'zod';
import { type AgentStatus, OWN_STATUSES_OF, type SubtreeMarks } from '../../shared/domain/agent';
import type { AgentDoc, AgentFilter } from '../../shared/store/agents';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, readCursor, requestedRows, signCursor } from '../http/paging';
import { type Charge, FREE, isPaid, unitsOf } from '../http/price';
import { route } from '../http/route';

import { type AgentAccess, agentAccess } from './agent-access';
import { agentStatusSchema, agentTypeSchema } from './enum-schemas';
import { agentSchema, presentAgent, statusOf } from './present-agent';

/**
 * Size of further batches when filtering by status. The filter runs after each read, because an agent's effective status
 * depends on its ancestors.
 */
const FILTERED_BATCH_SIZE = 500;
/** Maximum number of batches read per page. After the last batch, the page is returned even if it is not full. */
const MAX_BATCHES = 10;

/** An agent and the marks of its ancestors. */
export interface FoundAgent {
  agent: AgentDoc;
  above: SubtreeMarks[];
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

/** Adds the marks of each agent's ancestors, using one query for all agents. */
async function withMarks({ store }: Deps, agents: AgentDoc[]): Promise<FoundAgent[]> {
  const ids = new Set(agents.flatMap(({ ancestors }) => ancestors));
  const marks = ids.size === 0 ? new Map<string, SubtreeMarks>() : await store.agents.marksOf([...ids]);
  return agents.map((agent) => ({ agent, above: agent.ancestors.flatMap((id) => marks.get(id) ?? []) }));
}

/**
 * Returns a page of agents, newest first. With `status`, a page may contain fewer than `limit` agents even if more
 * pages follow. Charges for the batches after the first. Once the budget is exhausted, returns the page.
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
  const found: FoundAgent[] = [];
  let last = readCursor(secrets.cursor, owner, cursor);
  let more = true;
  for (let batch = 1; batch <= MAX_BATCHES && more && found.length <= limit; batch += 1) {
    if (batch > 1 && !(await isPaid(charge(unitsOf({ rows: FILTERED_BATCH_SIZE }))))) break;
    const batchSize = batch === 1 ? limit + 1 : FILTERED_BATCH_SIZE;
    const rows = await store.agents.list(tenant, filter, last, batchSize);
    const all = await withMarks(deps, rows);
    found.push(...all.filter(({ agent, above }) => status === undefined || statusOf(agent, above) === status));
    const end = rows.at(-1);
    if (end) last = { atMs: end.createdAt.getTime(), id: end._id };
    more = rows.length === batchSize;
  }
  const shown = found.slice(0, limit);
  const lastShown = shown.at(-1)?.agent;
  if (found.length > limit && lastShown) last = { atMs: lastShown.createdAt.getTime(), id: lastShown._id };
  const hasNext = last !== null && (more || found.length > limit);
  return {
    data: shown.map(present),
    nextCursor: hasNext ? signCursor(secrets.cursor, owner, [last!.atMs, last!.id]) : null,
  };
}

export const listAgentsRoute = route({
  operationId: 'listAgents',
  method: 'GET',
  path: '/agents',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    availableWithoutRedis: true,
    price: { rows: requestedRows, asRead: true },
  },
  tag: 'Agents',
  summary: 'List agents, newest first',
  description:
    'Agents see only themselves and their descendants. If you filter by `status`, a page may contain fewer than `limit` agents; continue until `nextCursor` is null.',
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
    const body = await pageOfAgents(ctx, access, query, present, caller.charge);
    return { status: 200, body };
  },
});
