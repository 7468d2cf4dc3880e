import { z } from 'zod';
import type { AuditChain, AuditDoc, AuditFilter } from '../../shared/store/audit';
import type { ApiContext } from '../context';
import { ownerOf } from '../../shared/concurrency/long-work';
import { NDJSON, ndjsonOf, rejectCursor, wantsNdjson } from '../http/ndjson';
import { pageOf, pageQuery, pageSchema, readCursor, signCursor } from '../http/paging';
import { route } from '../http/route';

import { ACTOR_KINDS, auditEntrySchema, presentEntry, type PresentedEntry } from './present-entry';

/** Entries whose targets are looked up at once, to tell what an agent may see of a stream. */
const ROWS_LOOKED_UP = 250;
const time = z.iso.datetime({ offset: true });

export const auditFilterSchema = z.object({
  action: z.string().max(100).optional(),
  target: z.string().max(200).optional().describe('Id of what was changed: an agent, a policy, an approval …'),
  actor: z.enum(ACTOR_KINDS).meta({ id: 'ActorKind' }).optional().describe('Kind of who did it.'),
  cascadeId: z.string().max(100).optional(),
  from: time.optional().describe('At or after.'),
  to: time.optional().describe('Before.'),
});

/** Filters as the query or the command line gives them. */
export type AuditAsk = z.output<typeof auditFilterSchema>;

function filterOf({ action, target, actor, cascadeId, from, to }: AuditAsk): AuditFilter {
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
 * Of entries, those that a caller may see: an agent (`self`) what is about itself and the agents below it, the
 * partner's own key (null) all of its chain.
 */
async function seenBy({ store }: Pick<Deps, 'store'>, self: string | null, rows: AuditDoc[]): Promise<AuditDoc[]> {
  if (self === null || rows.length === 0) return rows;
  const targets = await store.agents.byIds([...new Set(rows.map(({ target }) => target))]);
  const own = targets.filter(({ _id, ancestors }) => _id === self || ancestors.includes(self));
  const ids = new Set(own.map(({ _id }) => _id));
  return rows.filter(({ target }) => ids.has(target));
}

/** A page of a chain's entries, newest first. */
export async function pageOfAudit(
  { store, secrets }: Deps,
  chain: AuditChain,
  { limit, cursor, ...ask }: AuditAsk & { limit: number; cursor?: string | undefined },
  self: string | null = null,
): Promise<{ data: PresentedEntry[]; nextCursor: string | null }> {
  const owner = `audit|${chain}`;
  const after = readCursor(secrets.cursor, owner, cursor);
  const rows = await store.audit.list(chain, filterOf(ask), after, limit + 1);
  const cursorOf = (row: AuditDoc): string => signCursor(secrets.cursor, owner, [row.at.getTime(), row._id]);
  const { data, nextCursor } = pageOf(rows, limit, (row) => row, cursorOf);
  return { data: (await seenBy({ store }, self, data)).map(presentEntry), nextCursor };
}

async function* streamSeenBy(deps: Pick<Deps, 'store'>, self: string, rows: AsyncIterable<AuditDoc>) {
  let batch: AuditDoc[] = [];
  for await (const row of rows) {
    if (batch.push(row) < ROWS_LOOKED_UP) continue;
    yield* await seenBy(deps, self, batch);
    batch = [];
  }
  yield* await seenBy(deps, self, batch);
}

/** All entries of a chain as lines of JSON, newest first. */
export function exportOfAudit(
  { store }: Pick<Deps, 'store'>,
  chain: AuditChain,
  ask: AuditAsk,
  self: string | null = null,
): AsyncIterable<string> {
  const rows = store.audit.stream(chain, filterOf(ask));
  return ndjsonOf(self === null ? rows : streamSeenBy({ store }, self, rows), presentEntry);
}

/** `GET /audit`: what was changed in the caller's environment, by whom and why. */
export const listAuditRoute = route({
  operationId: 'listAuditEntries',
  method: 'GET',
  path: '/audit',
  auth: { kind: 'key', scope: 'agents:manage', availableWithoutRedis: true },
  tag: 'Audit',
  summary: 'List audit entries, newest first',
  description:
    "Every change of your partner's agents, keys and terms. Each environment has a chain of its own; what concerns the partner as a whole stands in the live one. An agent sees what is about itself and the agents below it, so its pages may be short: go on until `nextCursor` is null. With `Accept: application/x-ndjson` all entries that match are streamed, one a line",
  query: z.strictObject({ ...pageQuery, ...auditFilterSchema.shape }),
  answers: {
    200: {
      description: 'A page of entries',
      schema: pageSchema('AuditPage', auditEntrySchema),
      otherMedia: { [NDJSON]: auditEntrySchema },
    },
  },
  problems: ['VALIDATION_FAILED', 'STORE_UNAVAILABLE'],
  handle: async ({ ctx, caller: { tenant, admission }, query, headers }) => {
    const self = admission.credential.agent?.agentId ?? null;
    if (!wantsNdjson(headers)) return { status: 200, body: await pageOfAudit(ctx, tenant, query, self) };
    rejectCursor(query);
    const entries = exportOfAudit(ctx, tenant, query, self);
    return { status: 200, mediaType: NDJSON, stream: ctx.longWork.stream(ownerOf(tenant, self), entries) };
  },
});
