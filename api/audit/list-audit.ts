import { z } from 'zod';
import type { AuditChain, AuditDoc, AuditFilter } from '../../shared/store/audit';
import type { ApiContext } from '../context';
import { ownerOf } from '../../shared/concurrency/long-work';
import { NDJSON, ndjsonOf, rejectCursor, requestedLines, wantsNdjson } from '../http/ndjson';
import { pageQuery, pageSchema, presentPage, readCursor } from '../http/paging';
import { type Charge, chargeRows, FREE, payForRows } from '../http/price';
import { route } from '../http/route';

import { ACTOR_KINDS, auditEntrySchema, presentEntry, type PresentedEntry } from './present-entry';

/**
 * Number of entries per batch when streaming to an agent. One query per batch determines which entries the agent may
 * see.
 */
const FILTER_BATCH_SIZE = 250;
const time = z.iso.datetime({ offset: true });

export const auditFilterSchema = z.object({
  action: z.string().max(100).optional(),
  target: z.string().max(200).optional().describe('ID of the changed object, such as an agent.'),
  actor: z.enum(ACTOR_KINDS).meta({ id: 'ActorKind' }).optional().describe('Kind of actor.'),
  cascadeId: z.string().max(100).optional(),
  from: time.optional().describe('Return only entries at or after this time.'),
  to: time.optional().describe('Return only entries before this time.'),
});

/** Filters, as parsed from a query string or the command line. */
export type AuditQuery = z.output<typeof auditFilterSchema>;

function filterOf({ action, target, actor, cascadeId, from, to }: AuditQuery): AuditFilter {
  return {
    ...(action === undefined ? {} : { action }),
    ...(target === undefined ? {} : { target }),
    ...(actor === undefined ? {} : { actorKind: actor }),
    ...(cascadeId === undefined ? {} : { cascadeId }),
    ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
    ...(to === undefined ? {} : { toMs: Date.parse(to) }),
  };
}

type Deps = Pick<ApiContext, 'store' | 'secrets'>;

/**
 * Returns the entries that the caller may see: for an agent (`self`), those about itself and its descendants; for the
 * partner's own key (null), all entries.
 */
async function visibleTo({ store }: Pick<Deps, 'store'>, self: string | null, rows: AuditDoc[]): Promise<AuditDoc[]> {
  if (self === null || rows.length === 0) return rows;
  const targets = await store.agents.byIds([...new Set(rows.map(({ target }) => target))]);
  const own = targets.filter(({ _id, ancestors }) => _id === self || ancestors.includes(self));
  const ids = new Set(own.map(({ _id }) => _id));
  return rows.filter(({ target }) => ids.has(target));
}

/**
 * Returns a page of a chain's entries, newest first. If it is filtered or for an agent, the page may contain fewer
 * entries than requested. Charges for the entries that it reads beyond `limit`. Once the budget is exhausted, returns
 * the page.
 */
export async function pageOfAudit(
  { store, secrets }: Deps,
  chain: AuditChain,
  { limit, cursor, ...query }: AuditQuery & { limit: number; cursor?: string | undefined },
  self: string | null = null,
  charge: Charge = FREE,
): Promise<{ data: PresentedEntry[]; nextCursor: string | null }> {
  const owner = `audit|${chain}`;
  const after = readCursor(secrets.cursor, owner, cursor);
  const { rows, next } = await store.audit.list(chain, filterOf(query), after, limit, payForRows(limit, charge));
  return presentPage(secrets.cursor, owner, { rows: await visibleTo({ store }, self, rows), next }, presentEntry);
}

async function* streamVisibleTo(deps: Pick<Deps, 'store'>, self: string, rows: AsyncIterable<AuditDoc>) {
  let batch: AuditDoc[] = [];
  for await (const row of rows) {
    if (batch.push(row) < FILTER_BATCH_SIZE) continue;
    yield* await visibleTo(deps, self, batch);
    batch = [];
  }
  yield* await visibleTo(deps, self, batch);
}

/** Returns all matching entries of a chain as NDJSON lines, newest first. Charges for every entry that it reads. */
export function exportOfAudit(
  { store }: Pick<Deps, 'store'>,
  chain: AuditChain,
  query: AuditQuery,
  self: string | null = null,
  charge: Charge = FREE,
): AsyncIterable<string> {
  const rows = chargeRows(store.audit.stream(chain, filterOf(query)), charge);
  return ndjsonOf(self === null ? rows : streamVisibleTo({ store }, self, rows), presentEntry);
}

export const listAuditRoute = route({
  operationId: 'listAuditEntries',
  method: 'GET',
  path: '/audit',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    availableWithoutRedis: true,
    price: { rows: requestedLines, asRead: true },
  },
  tag: 'Audit',
  summary: 'List audit entries, newest first',
  description:
    'Lists changes to your agents, keys and terms. Each environment has its own chain; changes to the partner as a whole are in the live chain. If you filter by `actor` or by several fields, or if the caller is an agent, a page may contain fewer than `limit` entries; continue until `nextCursor` is null. Agents see only entries about themselves and their descendants. With `Accept: application/x-ndjson`, streams all matching entries, one per line',
  query: z.strictObject({ ...pageQuery, ...auditFilterSchema.shape }),
  answers: {
    200: {
      description: 'A page of entries',
      schema: pageSchema('AuditPage', auditEntrySchema),
      otherMedia: { [NDJSON]: auditEntrySchema },
    },
  },
  problems: ['VALIDATION_FAILED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller: { tenant, admission, charge }, query, headers }) => {
    const self = admission.credential.agent?.agentId ?? null;
    const owner = ownerOf(tenant, self);
    if (!wantsNdjson(headers)) {
      return { status: 200, body: await ctx.longWork.list(owner, () => pageOfAudit(ctx, tenant, query, self, charge)) };
    }
    rejectCursor(query);
    const entries = exportOfAudit(ctx, tenant, query, self, charge);
    return { status: 200, mediaType: NDJSON, stream: ctx.longWork.stream(owner, entries) };
  },
});
