import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ChunkId,
  newPartnerTag,
  partnerIdOf,
  partnerOf,
  tagOf,
  type Tenant,
  tenantOf,
  type UserRef,
} from '../../../../shared/domain/ids';
import { parseApiKey } from '../../../../shared/domain/api-key';
import { connectStore } from '../../../../shared/store/connect';
import { LIST_TIMEOUT_MS, type ListPage, MAX_ROWS_EXAMINED, type Position } from '../../../../shared/store/list-page';
import { createStore, type Store } from '../../../../shared/store/store';
import { freshEnv } from '../../../support/harness';
import { idOf, insertRows, timeOf } from '../../../support/list-rows';

const TENANTS = 2;
/** More than one page examines, for each tenant. */
const ROWS = 2_200;
const PAGE_SIZE = 20;
/** Keys that a query may examine in addition to twice the number of rows found. */
const EXTRA_KEYS = 5;
/** Rows that have the same time, as the events of one batch do. */
const ROWS_PER_TIME = 500;

const tenants: Tenant[] = Array.from({ length: TENANTS }, () => tenantOf(partnerIdOf(newPartnerTag()), 'live'));
const [tenant] = tenants as [Tenant];
const at = (n: number): Date => timeOf(n, ROWS_PER_TIME);

let store: Store;
let root: { agentId: string; path: string; key: string };
let wide: string;
/** Whether the server reports the plans and examined keys that mongod would. One MongoDB stand-in does not. */
let plansLikeMongod: boolean;
beforeAll(async () => {
  store = createStore(await connectStore(freshEnv()['MONGO_URL']!));
  await store.prepare('fingerprint');
  for (const own of tenants) {
    const found = await insertRows(store, own, { rows: ROWS, rowsPerTime: ROWS_PER_TIME, partners: 3 * PAGE_SIZE });
    if (own === tenant) ({ root, wide } = found);
  }
  plansLikeMongod = await serverPlansLikeMongod();
}, 120_000);
afterAll(async () => {
  await store.connection.dropDatabase();
  await store.close();
});

/** A query that the store sends, as the driver receives it. */
interface Sent {
  collection: string;
  method: string;
  query: never;
  options: { maxTimeMS?: number };
}

/** Runs `work` and returns the queries that it sends. */
async function queriesOf(work: () => Promise<unknown>): Promise<Sent[]> {
  const sent: Sent[] = [];
  store.connection.set('debug', (collection: string, method: string, query: never, options: never) => {
    sent.push({ collection, method, query, options });
  });
  try {
    await work();
  } finally {
    store.connection.set('debug', false);
  }
  return sent;
}

interface Plan {
  text: string;
  keys: number;
  found: number;
}

/** Returns the stages that read rows. Servers may count what a group returns as one row. */
function readingStages(pipeline: Record<string, unknown>[]): Record<string, unknown>[] {
  const group = pipeline.findIndex((stage) => '$group' in stage);
  return group === -1 ? pipeline : pipeline.slice(0, group);
}

async function explain({ collection: name, method, query, options }: Sent): Promise<Plan> {
  const collection = store.connection.collection(name);
  const cursor =
    method === 'aggregate' ? collection.aggregate(readingStages(query), options) : collection.find(query, options);
  const plan = await cursor.explain('executionStats');
  const stats = (plan['stages']?.[0]?.$cursor ?? plan) as {
    queryPlanner: { winningPlan: unknown };
    executionStats: { totalKeysExamined: number; nReturned: number };
  };
  const { totalKeysExamined: keys, nReturned: found } = stats.executionStats;
  return { text: JSON.stringify(stats.queryPlanner.winningPlan), keys, found };
}

async function serverPlansLikeMongod(): Promise<boolean> {
  const { events } = store;
  const first = events.model.collection.find({ tenant }, { sort: { receivedAt: -1, _id: -1 }, limit: 1 });
  return (await first.explain('executionStats'))['executionStats']?.totalKeysExamined < EXTRA_KEYS;
}

async function expectServedByIndex(sent: Sent): Promise<void> {
  const plan = await explain(sent);
  expect(plan.text).not.toMatch(/"COLLSCAN"|"SORT"/);
  expect(plan.keys).toBeLessThanOrEqual(2 * plan.found + EXTRA_KEYS);
}

type ReadPage = (after: Position | null) => Promise<ListPage<unknown>>;
const events = (filter: Parameters<Store['events']['list']>[1]): ReadPage => {
  return (after) => store.events.list(tenant, filter, after, PAGE_SIZE);
};
const audit = (filter: Parameters<Store['audit']['list']>[1]): ReadPage => {
  return (after) => store.audit.list(tenant, filter, after, PAGE_SIZE);
};
const about = (filter: Parameters<Store['audit']['list']>[1]): ReadPage => {
  const pay = () => Promise.resolve(true);
  return (after) => store.audit.listAbout(tenant, ['agt_1', 'agt_2'], filter, after, PAGE_SIZE, pay);
};
const agents = (filter: () => Parameters<Store['agents']['list']>[1]): ReadPage => {
  return (after) => store.agents.list(tenant, filter(), after, PAGE_SIZE);
};
const siblings = (parentIdOf: () => string | null): ReadPage => {
  return async (after) => (await store.agents.siblings(tenant, parentIdOf(), after, PAGE_SIZE)).page;
};
const receipts = (filter: Partial<Parameters<Store['receipts']['list']>[1]>): ReadPage => {
  const whole = { fromMs: 0, withFailures: false, ...filter };
  return (after) => store.receipts.list(tenant, whole, after, PAGE_SIZE);
};
const rejected = (filter: Partial<Parameters<Store['rejectedEvents']['list']>[1]>): ReadPage => {
  return (after) => store.rejectedEvents.list(tenant, { fromMs: 0, ...filter }, after, PAGE_SIZE);
};
const fromMs = at(ROWS / 4).getTime();
const toMs = at(ROWS / 2).getTime();
const userRef = 'user-1' as UserRef;
const keyPrefix = `mir_live_agent_${tagOf(partnerOf(tenant))}_`;

const PAGES: [what: string, read: ReadPage][] = [
  ['events', events({})],
  ['events in a time range', events({ fromMs, toMs })],
  ['events by user', events({ userRef })],
  ['events by type', events({ eventType: 'mir.transaction.completed' })],
  ['events by agent', events({ agentId: 'agt_1' })],
  ['events of an agent and its descendants', events({ visibleTo: 'agt_1' })],
  ['events of an agent and its descendants by user', events({ userRef, visibleTo: 'agt_1' })],
  ['events by user and type', events({ userRef, eventType: 'mir.review.posted' })],
  ['events by type and agent', events({ eventType: 'mir.review.posted', agentId: 'agt_1' })],
  ['events by receipt', events({ receipt: { chunkIds: ['chunk-0' as ChunkId], slot: null, receivedAtMs: toMs } })],
  ['receipts', receipts({})],
  ['receipts in a time range', receipts({ fromMs, toMs })],
  ['receipts of an agent and its descendants', receipts({ visibleTo: 'agt_1' })],
  ['receipts with failures', receipts({ withFailures: true })],
  ['receipts with failures in a time range', receipts({ withFailures: true, fromMs, toMs })],
  ['rejected events', rejected({})],
  ['rejected events in a time range', rejected({ fromMs, toMs })],
  ['rejected events of an agent', rejected({ agentId: 'agt_1' })],
  ['rejected events by code', rejected({ code: 'TOO_BIG' })],
  ['rejected events by code in a time range', rejected({ code: 'TOO_BIG', fromMs, toMs })],
  ['audit entries', audit({})],
  ['audit entries in a time range', audit({ fromMs, toMs })],
  ['audit entries by action', audit({ action: 'agent.killed' })],
  ['audit entries by target', audit({ target: 'agt_1' })],
  ['audit entries by kill', audit({ cascadeId: 'csc_1' })],
  ['audit entries by actor', audit({ actorKind: 'SYSTEM' })],
  ['audit entries by action and actor', audit({ action: 'agent.killed', actorKind: 'SYSTEM' })],
  ['audit entries about several targets', about({})],
  ['audit entries about several targets by actor', about({ actorKind: 'SYSTEM' })],
  ['agents', agents(() => ({}))],
  ['agents by status', agents(() => ({ statuses: ['SUSPENDED'] }))],
  ['agents by two statuses', agents(() => ({ statuses: ['ACTIVE', 'SUSPENDED'] }))],
  ['agents by type', agents(() => ({ type: 'AI_AGENT' }))],
  ['agents by type and status', agents(() => ({ type: 'AI_AGENT', statuses: ['SUSPENDED'] }))],
  ['descendants', agents(() => ({ below: root.agentId }))],
  ['descendants by type', agents(() => ({ below: root.agentId, type: 'AI_AGENT' }))],
  ['children', (after) => store.agents.children({ _id: wide, tenant }, after, PAGE_SIZE)],
  ['siblings', siblings(() => wide)],
  ['agents without a parent', siblings(() => null)],
  ['siblings by status', agents(() => ({ parentId: wide, statuses: ['SUSPENDED'] }))],
  ['deliveries', (after) => store.deliveries.list(tenant, 'whk_1', { fromMs: 0 }, after, PAGE_SIZE)],
  [
    'deliveries by status',
    (after) => store.deliveries.list(tenant, 'whk_1', { status: 'FAILED', fromMs: 0 }, after, PAGE_SIZE),
  ],
  ['running erasures of all tenants', (after) => store.erasures.list('RUNNING', after, PAGE_SIZE)],
  ['finished erasures of all tenants', (after) => store.erasures.list('DONE', after, PAGE_SIZE)],
  ['failing webhook endpoints of all tenants', (after) => store.webhooks.list('FAILING', after, PAGE_SIZE)],
  ['disabled webhook endpoints of all tenants', (after) => store.webhooks.list('DISABLED', after, PAGE_SIZE)],
  ['applications', (after) => store.applications.list(null, after, PAGE_SIZE)],
  ['applications by status', (after) => store.applications.list('PENDING', after, PAGE_SIZE)],
  ['partners', (after) => store.partners.list(after, PAGE_SIZE)],
  ['members', (after) => store.members.list('operators', after, PAGE_SIZE)],
  ['invitations', (after) => store.memberInvitations.list('operators', after, PAGE_SIZE)],
];

async function firstOf(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _row of rows) return;
}

const walk = (changes: { rootPath?: string; afterPath?: string }) => {
  const whole = { tenant, rootPath: null, afterPath: null, maxDepth: null, maxRows: MAX_ROWS_EXAMINED };
  return firstOf(store.agents.walk({ ...whole, ...changes }, PAGE_SIZE));
};

const OTHERS: [what: string, read: () => Promise<unknown>][] = [
  ["a tenant's agents, depth-first", () => walk({})],
  ['an agent tree, depth-first', () => walk({ rootPath: root.path })],
  ['the rest of an agent tree', () => walk({ rootPath: root.path, afterPath: `${root.path}/agt_live_m` })],
  ["a tenant's agents by name", () => store.agents.byName(tenant, 'agent', PAGE_SIZE)],
  ['agents of all partners by name', () => store.agents.byName(null, 'agent', PAGE_SIZE)],
  ["a tenant's agents by owner", () => store.agents.byOwner(tenant, 'name', 'Ada Ops', PAGE_SIZE)],
  ['agents of all partners by owner', () => store.agents.byOwner(null, 'email', 'ada@harbour.example', PAGE_SIZE)],
  ['agents by the prefix of their keys', () => store.agents.byKeyPrefix(tenant, keyPrefix, PAGE_SIZE)],
  ['the agent that has a key', () => store.agents.byKey(tenant, { hash: parseApiKey(root.key)!.hash, ref: '' })],
  ['the agents on paths', () => store.agents.onPaths([root.agentId, wide])],
  ['the agent that submitted an event', () => store.events.submitter(null, idOf('evt', tenant, 0))],
  ['the IDs of descendants', () => store.agents.idsBelow(tenant, root.agentId)],
  ['audit entries to export', () => firstOf(store.audit.stream(tenant, { action: 'agent.killed' }))],
  ['unsealed audit entries', () => firstOf(store.audit.unsealed(tenant, PAGE_SIZE, PAGE_SIZE))],
  ['sealed audit entries', () => firstOf(store.audit.sealedAfter(tenant, 50, PAGE_SIZE))],
  [
    'sealed audit entries about several targets',
    () => store.audit.sealedAbout(tenant, ['agt_1', 'agt_2'], { after: 50, through: ROWS }, PAGE_SIZE),
  ],
  ['the last sealed audit entry', () => store.audit.lastSealed(tenant)],
  ["a user's events to export", () => firstOf(store.events.ofUser(tenant, userRef))],
  ['the number of omitted rejected events', () => store.omittedRejections.count(tenant, at(0))],
  ['the usage of requests', () => firstOf(store.usage.requests(tenant, { fromMs, toMs }))],
  ["a receipt's parts without items", () => store.receipts.listed(tenant, [idOf('c', tenant, 1) as ChunkId])],
  ['due erasures', () => store.erasures.due(at(0), at(ROWS), PAGE_SIZE)],
  ['the latest erasure', () => store.erasures.latest([tenant])],
  ['due deliveries', () => store.deliveries.due(at(0), at(ROWS), PAGE_SIZE)],
  ['due emails', () => store.queuedMails.due(at(0), at(ROWS), PAGE_SIZE)],
  ['due cache outbox entries', () => store.cacheOutbox.due(at(ROWS), PAGE_SIZE)],
  ['due cascades', () => store.cascades.due(at(ROWS), PAGE_SIZE)],
  ['the latest kills', () => store.cascades.latest(PAGE_SIZE)],
  ['partners by name', () => store.partners.byName('Harbour', PAGE_SIZE)],
  ['the partner that has a key', () => store.partners.byKeyHash('any')],
  ['the partner that has a key with an ID', () => store.partners.byKeyId('key_any')],
];

describe('query plans of lists', () => {
  it.each(PAGES)(
    'reads %s from one index with a time limit, on the first page and on later pages',
    async (_what, read) => {
      let after: Position | null = null;
      for (let page = 0; page < 3; page += 1) {
        let next: Position | null = null;
        const sent = await queriesOf(async () => ({ next } = await read(after)));
        expect(sent.length).toBeGreaterThan(0);
        for (const { options } of sent) expect(options.maxTimeMS).toBe(LIST_TIMEOUT_MS);
        if (plansLikeMongod) for (const query of sent) await expectServedByIndex(query);
        if (next === null) break;
        after = next;
      }
    },
  );

  it.each(PAGES)('examines at most the maximum number of rows for a page of %s', async (_what, read) => {
    let after: Position | null = null;
    for (let page = 0; page < 2 * (ROWS / MAX_ROWS_EXAMINED); page += 1) {
      const result: ListPage<unknown> = await read(after);
      expect(result.examined).toBeLessThanOrEqual(MAX_ROWS_EXAMINED);
      if (result.next === null) break;
      after = result.next;
    }
  });

  it.each(OTHERS)('reads %s from one index', async (_what, read) => {
    const sent = await queriesOf(read);
    expect(sent).toHaveLength(1);
    if (plansLikeMongod) await expectServedByIndex(sent[0]!);
  });

  it('includes every paginated list of the store', () => {
    const names = Object.entries(store).flatMap(([name, part]) =>
      typeof part === 'object' && part !== null && 'list' in part ? [name] : [],
    );
    expect(names.sort()).toEqual([
      'agents',
      'applications',
      'audit',
      'deliveries',
      'erasures',
      'events',
      'memberInvitations',
      'members',
      'partners',
      'receipts',
      'rejectedEvents',
      'webhooks',
    ]);
  });
});
