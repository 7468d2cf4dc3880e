import { z } from 'zod';
import type { Tenant } from '../../shared/domain/ids';
import type { AuditChain, AuditDoc, AuditFilter } from '../../shared/store/audit';
import type { ListPage, PayForRows, Position } from '../../shared/store/list-page';
import type { ApiContext } from '../context';
import { ownerOf } from '../../shared/concurrency/long-work';
import { NDJSON, ndjsonOf, rejectCursor, requestedLines, wantsNdjson } from '../http/ndjson';
import { pageQuery, pageSchema, presentPage, readCursor } from '../http/paging';
import { type Charge, chargeForRows, chargeRows, FREE, payForRows } from '../http/price';
import { route } from '../http/route';

import { ACTOR_KINDS, auditEntrySchema, presentEntry, type PresentedEntry } from './present-entry';

/** Number of entries that a stream to an agent reads at a time. */
const PAGE_OF_STREAM = 500;
const time = z.iso.datetime({ offset: true });

export const auditFilterSchema = z.object({
  action: z.string().max(100).optional(),
  target: z.string().max(200).optional().describe('ID of the changed object, such as an agent.'),
  actor: z.enum(ACTOR_KINDS).meta({ id: 'ActorKind' }).optional().describe('Kind of actor.'),
  cascadeId: z.string().max(100).optional(),
  requestId: z.string().max(128).optional().describe('Return only changes by this request, as in its `X-Request-Id`.'),
  from: time.optional().describe('Return only entries at or after this time.'),
  to: time.optional().describe('Return only entries before this time.'),
});

/** Filters, as parsed from a query string or the command line. */
export type AuditQuery = z.output<typeof auditFilterSchema>;

function filterOf({ action, target, actor, cascadeId, requestId, from, to }: AuditQuery): AuditFilter {
  return {
    ...(action === undefined ? {} : { action }),
    ...(target === undefined ? {} : { target }),
    ...(actor === undefined ? {} : { actorKind: actor }),
    ...(cascadeId === undefined ? {} : { cascadeId }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
    ...(to === undefined ? {} : { toMs: Date.parse(to) }),
  };
}

type Deps = Pick<ApiContext, 'store' | 'secrets'>;
type StoreDeps = Pick<Deps, 'store'>;

/** The agent that reads the audit log. It may see only entries about itself and its descendants. */
export interface Reader {
  tenant: Tenant;
  agentId: string;
}

/** Returns the targets whose entries the reader may see. Charges for the agents that it reads. */
export async function visibleTargets(
  { store }: StoreDeps,
  { tenant, agentId }: Reader,
  { target }: AuditFilter,
  pay: PayForRows,
): Promise<string[]> {
  if (target === undefined) {
    const below = await store.agents.idsBelow(tenant, agentId);
    await pay(below.length);
    return [agentId, ...below];
  }
  const agent = target === agentId ? null : await store.agents.get(tenant, target);
  return target === agentId || agent?.ancestors.includes(agentId) ? [target] : [];
}

/**
 * Presents an entry to an agent. Its position and hashes are omitted, because they show how many entries the agent may
 * not see.
 */
export function presentWithoutSeal(doc: AuditDoc): PresentedEntry {
  return { ...presentEntry(doc), seq: null, previousHash: null, hash: null };
}

/**
 * Returns a page of a chain's entries, newest first. If it is filtered, the page may contain fewer entries than
 * requested. Charges for the entries that it reads beyond `limit`. Once the budget is exhausted, returns the page. If
 * the reader is an agent, reads only entries that it may see, so that nothing in the response depends on the others.
 */
export async function pageOfAudit(
  deps: Deps,
  chain: AuditChain,
  { limit, cursor, ...query }: AuditQuery & { limit: number; cursor?: string | undefined },
  reader: Reader | null = null,
  charge: Charge = FREE,
): Promise<{ data: PresentedEntry[]; nextCursor: string | null }> {
  const { store, secrets } = deps;
  const owner = reader === null ? `audit|${chain}` : `audit|${chain}|${reader.agentId}`;
  const after = readCursor(secrets.cursor, owner, cursor);
  const filter = filterOf(query);
  const pay = payForRows(limit, charge);
  if (reader === null) {
    const page = await store.audit.list(chain, filter, after, limit, pay);
    return presentPage(secrets.cursor, owner, page, presentEntry);
  }
  const targets = await visibleTargets(deps, reader, filter, pay);
  const page = await store.audit.listAbout(chain, targets, filter, after, limit, pay);
  return presentPage(secrets.cursor, owner, page, presentWithoutSeal);
}

async function* streamVisible(deps: StoreDeps, reader: Reader, filter: AuditFilter, charge: Charge) {
  const pay = chargeForRows(charge);
  const targets = await visibleTargets(deps, reader, filter, pay);
  let after: Position | null = null;
  do {
    const page: ListPage<AuditDoc> = await deps.store.audit.listAbout(
      reader.tenant,
      targets,
      filter,
      after,
      PAGE_OF_STREAM,
      pay,
    );
    yield* page.rows;
    after = page.next;
  } while (after !== null);
}

/** Returns all matching entries of a chain as NDJSON lines, newest first. Charges for every entry that it reads. */
export function exportOfAudit({ store }: StoreDeps, chain: AuditChain, query: AuditQuery, charge: Charge = FREE) {
  return ndjsonOf(chargeRows(store.audit.stream(chain, filterOf(query)), charge), presentEntry);
}

export const listAuditRoute = route({
  operationId: 'listAuditEntries',
  method: 'GET',
  path: '/audit',
  auth: {
    kind: 'key',
    scope: 'agents:manage',
    partnerScope: 'audit:read',
    availableWithoutRedis: true,
    price: { rows: requestedLines, asRead: true },
  },
  tag: 'Audit',
  summary: 'List audit entries, newest first',
  description:
    'Lists changes to your agents, keys and terms. Each environment has its own chain; changes to the partner as a whole are in the live chain. If you filter by `actor`, by `requestId` or by several fields, a page may contain fewer than `limit` entries; continue until `nextCursor` is null. Agents see only entries about themselves and their descendants, without `seq`, `previousHash` and `hash`. With `Accept: application/x-ndjson`, streams all matching entries, one per line',
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
    const agentId = admission.credential.agent?.agentId ?? null;
    const reader = agentId === null ? null : { tenant, agentId };
    const owner = ownerOf(tenant, agentId);
    if (!wantsNdjson(headers)) {
      const body = await ctx.longWork.list(owner, () => pageOfAudit(ctx, tenant, query, reader, charge));
      return { status: 200, body };
    }
    rejectCursor(query);
    const entries =
      reader === null
        ? exportOfAudit(ctx, tenant, query, charge)
        : ndjsonOf(streamVisible(ctx, reader, filterOf(query), charge), presentWithoutSeal);
    return { status: 200, mediaType: NDJSON, stream: ctx.longWork.stream(owner, entries) };
  },
});
