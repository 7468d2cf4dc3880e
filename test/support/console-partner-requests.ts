import { newId, tenantOf } from '../../shared/domain/ids';
import type { AgentDoc } from '../../shared/store/agents';
import type { PartnerDoc } from '../../shared/store/partners';
import type { ConsoleRequest, Fields, SentToConsole } from './console-request';
import type { Harness, TestPartner } from './harness';
import { insertAgent } from './insert-agent';
import type { StoreRole } from './store-role';

const STORE: readonly StoreRole[] = ['store'];
const BOTH: readonly StoreRole[] = ['queue', 'store'];
const CONFIRMED: Fields = { reason: 'Any', name: 'Harbour Market' };

/** Returns a request about a partner of its own. `isDone` tells from the partner whether the form made its change. */
async function aPartner(
  h: Harness,
  fields?: Fields,
  isDone?: (partner: PartnerDoc) => boolean,
  changes: Partial<PartnerDoc> = {},
  params: (partner: TestPartner) => Fields | Promise<Fields> = () => ({}),
): Promise<SentToConsole> {
  const partner = await h.partner(changes);
  const read = async (): Promise<PartnerDoc> => (await h.ctx.store.partners.get(partner.partnerId))!;
  const own = await params(partner);
  const seen = (await read()).updatedAt.toISOString();
  return {
    params: { id: partner.partnerId, ...own },
    ...(fields && { fields: { ...fields, seen } }),
    ...(isDone && { wasDone: async () => isDone(await read()) }),
  };
}

/** Returns a request about a partner's key. */
const aKey = (h: Harness, fields?: Fields): Promise<SentToConsole> =>
  aPartner(h, fields, fields && (({ keys }) => keys.length === 2), {}, async ({ partnerId }) => {
    const key = newId('key');
    const hash = newId('hash');
    const entry = { env: 'live' as const, hash, prefix: 'mir_live_any', createdAt: new Date(), id: key };
    await h.ctx.store.partners.model.updateOne({ _id: partnerId }, { $push: { keys: entry } });
    return { key };
  });

/** Returns a request about an agent of its own. */
async function anAgent(
  h: Harness,
  fields?: Fields,
  isDone?: (agent: AgentDoc) => boolean,
  changes: Partial<AgentDoc> = {},
): Promise<SentToConsole> {
  const { agents } = h.ctx.store;
  const { agentId: id, tenant } = await insertAgent(h.ctx.store, await h.partner(), changes);
  const wasDone = isDone && (async () => isDone((await agents.get(tenant, id))!));
  return { params: { id }, ...(fields && { fields }), ...(wasDone && { wasDone }) };
}

/** Returns a request about a kill that is complete. */
async function aKill(h: Harness): Promise<SentToConsole> {
  const partner = await h.partner();
  const { agentId } = await insertAgent(h.ctx.store, partner);
  const at = new Date();
  const _id = newId('csc');
  const counts = { affected: 1, revoked: 1, parkedCount: 0, parked: [], partialTries: 0 };
  const order = { reason: 'Any', actor: { kind: 'SYSTEM' as const }, requestId: 'any', status: 'CLOSED' as const };
  const times = { effectiveAt: at, nextLookAt: at, createdAt: at, closedAt: at };
  await h.ctx.store.cascades.model.create({
    _id,
    tenant: tenantOf(partner.partnerId, 'live'),
    agentId,
    ...order,
    ...counts,
    ...times,
    // Otherwise, its live progress would not end.
    sealed: { from: 1, to: 1, headHash: 'any' },
  });
  return { params: { id: _id } };
}

const SUSPENDED: Partial<AgentDoc> = { status: 'SUSPENDED' };

/** One request that succeeds for each page about partners, their keys and agents, and kills. */
export const PARTNER_REQUESTS: readonly ConsoleRequest[] = [
  { route: 'GET /console/partners', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/partners/:id', needs: STORE, prepare: (h) => aPartner(h) },
  { route: 'GET /console/partners/:id/change', needs: STORE, prepare: (h) => aPartner(h) },
  {
    route: 'POST /console/partners/:id/change',
    needs: BOTH,
    prepare: (h) => {
      const limits = { eventsPerMinute: '1', requestsPerMinute: '1', queueSharePercent: '1' };
      const isDone = ({ plan }: PartnerDoc): boolean => plan === 'STANDARD';
      return aPartner(h, { plan: 'STANDARD', ...limits, reason: 'Any' }, isDone);
    },
  },
  { route: 'GET /console/partners/:id/suspend', needs: BOTH, prepare: (h) => aPartner(h) },
  {
    route: 'POST /console/partners/:id/suspend',
    needs: BOTH,
    prepare: (h) => aPartner(h, CONFIRMED, ({ suspended }) => suspended),
  },
  { route: 'GET /console/partners/:id/reactivate', needs: STORE, prepare: (h) => aPartner(h) },
  {
    route: 'POST /console/partners/:id/reactivate',
    needs: BOTH,
    prepare: (h) => aPartner(h, CONFIRMED, ({ suspended }) => !suspended, { suspended: true }),
  },
  { route: 'GET /console/partners/:id/keys/:key', needs: STORE, prepare: (h) => aKey(h) },
  { route: 'POST /console/partners/:id/keys/:key', needs: BOTH, prepare: (h) => aKey(h, CONFIRMED) },
  {
    route: 'GET /console/partners/:id/replace-keys/:env',
    needs: STORE,
    prepare: (h) => aPartner(h, undefined, undefined, {}, () => ({ env: 'test' })),
  },
  {
    route: 'POST /console/partners/:id/replace-keys/:env',
    needs: BOTH,
    prepare: (h) =>
      aPartner(
        h,
        CONFIRMED,
        ({ keys }) => keys.some(({ name }) => name === 'First key'),
        {},
        () => ({ env: 'test' }),
      ),
  },
  { route: 'GET /console/search', needs: STORE, prepare: () => ({}) },
  { route: 'POST /console/search', needs: STORE, prepare: () => ({ fields: { text: 'Harbour' } }) },
  { route: 'GET /console/agents/:id', needs: STORE, prepare: (h) => anAgent(h) },
  { route: 'GET /console/agents/:id/stop', needs: STORE, prepare: (h) => anAgent(h) },
  {
    route: 'POST /console/agents/:id/stop',
    needs: BOTH,
    prepare: (h) => anAgent(h, { ...CONFIRMED, name: 'Order bot' }, ({ killedAt }) => killedAt !== null),
  },
  {
    route: 'GET /console/agents/:id/reactivate',
    needs: STORE,
    prepare: (h) => anAgent(h, undefined, undefined, SUSPENDED),
  },
  {
    route: 'POST /console/agents/:id/reactivate',
    needs: BOTH,
    prepare: (h) => anAgent(h, { reason: 'Any' }, ({ status }) => status === 'ACTIVE', SUSPENDED),
  },
  { route: 'GET /console/kills', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/kills/list', needs: STORE, prepare: () => ({}) },
  { route: 'GET /console/kills/:id/live', needs: STORE, prepare: aKill },
  { route: 'GET /console/kills/:id', needs: STORE, prepare: aKill },
];
