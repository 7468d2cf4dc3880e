import { z } from 'zod';
import { MAX_ID_LENGTH } from '../http/lengths';
import { type AgentStatus, OWN_STATUSES_OF } from '../../shared/domain/agent';
import type { AgentLimits } from '../../shared/store/agent-lifetimes';
import type { AgentDoc, AgentFilter } from '../../shared/store/agents';
import type { Tenant } from '../../shared/domain/ids';
import { ownerOf } from '../../shared/concurrency/long-work';
import { MAX_ROWS_EXAMINED, type Position } from '../../shared/store/list-page';
import type { ApiContext } from '../context';
import { pageQuery, pageSchema, presentPage, readCursor, requestedRows } from '../http/paging';
import { type Charge, FREE, payForRows } from '../http/price';
import { route } from '../http/route';

import { type AgentAccess, agentAccess, requireSelfOrDescendant } from './agent-access';
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
  /** Selects the direct children of this agent, or the agents without a parent if null. */
  parentId?: string | null | undefined;
}

/** Value of `parentId` that selects the agents without a parent. No ID of an agent has this form. */
const NO_PARENT = 'none';

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/** Rows of a list, and where the next page starts. */
interface Rows<Row> {
  rows: Row[];
  next: Position | null;
}

const foundAmong = (agents: readonly AgentDoc[], limits: ReadonlyMap<string, AgentLimits>): FoundAgent[] =>
  agents.map((agent) => ({ agent, above: agent.ancestors.flatMap((id) => limits.get(id) ?? []) }));

/** Adds what each agent's ancestors impose on it, using one query for all agents. */
async function withLimits({ store }: Deps, agents: AgentDoc[]): Promise<FoundAgent[]> {
  const ids = new Set(agents.flatMap(({ ancestors }) => ancestors));
  const limits = ids.size === 0 ? new Map<string, AgentLimits>() : await store.agents.limitsOf(ids);
  return foundAmong(agents, limits);
}

/** Reads agents that match a filter. May return fewer than `limit` even if more follow. */
async function readFiltered(
  deps: Deps,
  { tenant, self }: AgentScope,
  { limit, status, type, parentId }: AgentQuery,
  after: Position | null,
  charge: Charge,
): Promise<Rows<FoundAgent>> {
  const filter: AgentFilter = {
    ...(status === undefined ? {} : { statuses: OWN_STATUSES_OF[status] }),
    ...(type === undefined ? {} : { type }),
    ...(parentId === undefined ? {} : { parentId }),
    ...(self === null || parentId !== undefined ? {} : { below: self }),
  };
  const pay = payForRows(limit, charge);
  const found: FoundAgent[] = [];
  let next = after;
  let left = MAX_ROWS_EXAMINED;
  // An agent's effective status depends on its ancestors, so agents are filtered by it after each read.
  for (let batchSize = limit, more = true; more; batchSize *= 2) {
    const page = await deps.store.agents.list(tenant, filter, next, batchSize, { maxExamined: left, pay });
    const all = await withLimits(deps, page.rows);
    found.push(...all.filter(({ agent, above }) => status === undefined || statusOf(agent, above) === status));
    next = page.next;
    left -= page.examined;
    more = next !== null && left > 0 && found.length < limit && (await pay(0));
  }
  const rows = found.slice(0, limit);
  const last = rows.at(-1)?.agent;
  if (found.length > limit && last) next = { atMs: last.createdAt.getTime(), id: last._id };
  return { rows, next };
}

/** Reads siblings with what their ancestors impose on them, in one command. */
async function readSiblings(
  { store }: Deps,
  tenant: Tenant,
  { limit, parentId = null }: AgentQuery,
  after: Position | null,
): Promise<Rows<FoundAgent>> {
  const { page, limits } = await store.agents.siblings(tenant, parentId, after, limit);
  return { rows: foundAmong(page.rows, limits), next: page.next };
}

/** Reads an agent that calls, which is the top of the trees that it sees. */
async function readSelf(
  deps: Deps,
  tenant: Tenant,
  self: string,
  { status, type }: AgentQuery,
): Promise<Rows<FoundAgent>> {
  const own = await deps.store.agents.get(tenant, self);
  const found = own === null ? [] : await withLimits(deps, [own]);
  const matches = ({ agent, above }: FoundAgent): boolean =>
    (status === undefined || statusOf(agent, above) === status) && (type === undefined || agent.type === type);
  return { rows: found.filter(matches), next: null };
}

function readRows(
  deps: Deps,
  scope: AgentScope,
  query: AgentQuery,
  after: Position | null,
  charge: Charge,
): Promise<Rows<FoundAgent>> {
  const { tenant, self } = scope;
  const { status, type, parentId } = query;
  if (parentId === null && self !== null) return readSelf(deps, tenant, self, query);
  const areSiblings = parentId !== undefined && status === undefined && type === undefined;
  return areSiblings ? readSiblings(deps, tenant, query, after) : readFiltered(deps, scope, query, after, charge);
}

/**
 * Returns a page of agents, newest first. A filtered page may contain fewer than `limit` agents even if more pages
 * follow. Charges for the agents that it reads beyond `limit`. Once the budget is exhausted, returns the page. The caller
 * may see the agent `parentId`.
 */
export async function pageOfAgents<Item>(
  deps: Deps,
  scope: AgentScope,
  query: AgentQuery,
  present: (found: FoundAgent) => Item,
  charge: Charge = FREE,
): Promise<{ data: Item[]; nextCursor: string | null }> {
  const { cursor: key } = deps.secrets;
  const owner = `${scope.tenant}|agents`;
  const after = readCursor(key, owner, query.cursor);
  return presentPage(key, owner, await readRows(deps, scope, query, after, charge), present);
}

/** Returns the query of a request. Throws 403 or 404 if the caller is an agent that may not see the parent. */
async function queryFor(
  { agents }: Deps['store'],
  access: AgentAccess,
  { parentId, ...query }: AgentQuery & { parentId?: string | undefined },
): Promise<AgentQuery> {
  if (parentId === undefined) return query;
  if (parentId === NO_PARENT) return { ...query, parentId: null };
  if (access.self !== null) requireSelfOrDescendant(access, await agents.get(access.tenant, parentId));
  return { ...query, parentId };
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
    'Agents see only themselves and their descendants. With `parentId`, lists one level of a tree, at the same cost however large the tree is. If you filter by `status` or `type`, a page may contain fewer than `limit` agents; continue until `nextCursor` is null.',
  query: z.strictObject({
    ...pageQuery,
    status: agentStatusSchema.optional(),
    type: agentTypeSchema.optional(),
    parentId: z
      .string()
      .min(1)
      .max(MAX_ID_LENGTH)
      .optional()
      .describe(
        `Return only the direct children of this agent. With \`${NO_PARENT}\`, returns the agents that have no parent; an agent that calls gets itself.`,
      ),
  }),
  answers: {
    200: {
      description: 'A page of agents',
      schema: pageSchema('AgentPage', agentSchema),
    },
  },
  problems: ['NOT_FOUND', 'NOT_YOUR_DESCENDANT'],
  handle: async (call) => {
    const access = agentAccess(call, { write: false });
    const { ctx, query, caller } = call;
    const present = ({ agent, above }: FoundAgent) => presentAgent(agent, above);
    const page = async () => {
      const asked = await queryFor(ctx.store, access, query);
      const found = await pageOfAgents(ctx, access, asked, present, caller.charge);
      // A level with agents proves that their parent exists.
      if (found.data.length === 0 && asked.parentId) {
        requireSelfOrDescendant(access, await ctx.store.agents.get(access.tenant, asked.parentId));
      }
      return found;
    };
    return { status: 200, body: await ctx.longWork.list(ownerOf(access.tenant, access.self), page) };
  },
});
