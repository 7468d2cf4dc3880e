import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Tenant, tenantOf } from '../../../../shared/domain/ids';
import { MAX_ROWS_EXAMINED } from '../../../../shared/store/list-page';
import { anEntry } from '../../../support/audit-entries';
import { anAgent } from '../../../support/grow-tree';
import type { Harness, TestPartner } from '../../../support/harness';
import { insertAgent } from '../../../support/insert-agent';
import { rawCollection } from '../../../support/raw-collection';
import { sharedHarness } from '../../../support/shared-harness';

/** A filter matches only the newest and the oldest of these rows, so the pages between them are empty. */
const ROWS = 2 * MAX_ROWS_EXAMINED + 10;
const isMatch = (n: number): boolean => n === 0 || n === ROWS - 1;
const numbers = Array.from({ length: ROWS }, (_, n) => n);
const at = (n: number): Date => new Date(Date.UTC(2026, 0, 1) + n);

let mir: Harness;
let partner: TestPartner;
let tenant: Tenant;
let agentKey: string;
beforeAll(async () => {
  mir = await sharedHarness();
  partner = await mir.partner();
  tenant = tenantOf(partner.partnerId, 'live');
  const { store, secrets } = mir.ctx;
  const insert = (model: { collection: unknown }, docs: { _id: string }[]) =>
    rawCollection(model).insertMany(docs, { ordered: false });
  await insert(
    store.events.model,
    numbers.map((n) => ({
      _id: `evt_live_${tenant}_${n}`,
      tenant,
      userRef: secrets.userRef(tenant, 'busy'),
      eventType: isMatch(n) ? 'mir.review.posted' : 'mir.transaction.completed',
      occurredAt: at(n),
      receivedAt: at(n),
      weight: 1,
      chunkId: 'chunk',
      index: n,
    })),
  );
  await insert(
    store.audit.model,
    numbers.map((n) => ({
      ...anEntry(tenant, { at: at(n), ...(isMatch(n) ? { actor: { kind: 'SYSTEM' } } : {}) }),
      sealed: true,
      seq: n + 1,
    })),
  );
  // Filtered by depth, the tree contains only the parent and the agent that sorts after all of the parent's children.
  const parent = await insertAgent(store, partner, { preset: 'ADMIN', type: 'SERVICE_ACCOUNT', createdAt: at(0) });
  agentKey = parent.apiKey;
  const changesOf = (n: number) => ({ createdAt: at(n), ...(isMatch(n) ? { type: 'AI_AGENT' as const } : {}) });
  await insert(
    store.agents.model,
    numbers.map((n) => anAgent(tenant, parent.doc, changesOf(n)).doc),
  );
  await insertAgent(store, partner, { type: 'SERVICE_ACCOUNT', path: '/agt_live_zzz', createdAt: at(ROWS) });
});
afterAll(() => mir.close());

/** Reads all pages. Returns the number of items on each page. */
async function pageSizes(path: string, key: string): Promise<number[]> {
  const sizes: number[] = [];
  let cursor: string | null = null;
  do {
    const { status, body } = await mir.client.get(cursor === null ? path : `${path}&cursor=${cursor}`, key);
    expect(status).toBe(200);
    sizes.push(body.data.length as number);
    cursor = body.nextCursor as string | null;
  } while (cursor !== null);
  return sizes;
}

describe('a list whose filter matches few rows', () => {
  it.each<[string, () => string, () => string]>([
    [
      'events by user and type',
      () => '/v1/events?userExternalId=busy&eventType=mir.review.posted',
      () => partner.liveKey,
    ],
    ['audit entries by actor', () => '/v1/audit?actor=SYSTEM', () => partner.liveKey],
    ['agents by type', () => '/v1/agents?type=AI_AGENT', () => partner.liveKey],
    ["an agent's descendants by type", () => '/v1/agents?type=AI_AGENT', () => agentKey],
    ['an agent tree by depth', () => '/v1/agents/tree?maxDepth=0', () => partner.liveKey],
  ])('returns short pages that continue until the last match: %s', async (_what, path, key) => {
    const sizes = await pageSizes(path(), key());
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(2);
    expect(sizes.length).toBeGreaterThanOrEqual(Math.floor(ROWS / MAX_ROWS_EXAMINED) + 1);
    expect(sizes.slice(1, -1).every((size) => size === 0)).toBe(true);
  });

  it('returns each row once if pages end between rows with the same time', async () => {
    const other = await mir.partner();
    const chain = tenantOf(other.partnerId, 'live');
    const entries = Array.from({ length: 300 }, (_, n) => ({
      ...anEntry(chain, { at: at(Math.floor(n / 100)), action: n % 2 === 0 ? 'agent.killed' : 'agent.suspended' }),
      sealed: false,
    }));
    await rawCollection(mir.ctx.store.audit.model).insertMany(entries);
    for (const filter of ['', '&action=agent.killed', '&action=agent.killed&actor=PARTNER']) {
      const sizes = await pageSizes(`/v1/audit?limit=7${filter}`, other.liveKey);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(filter === '' ? 300 : 150);
    }
  });
});
