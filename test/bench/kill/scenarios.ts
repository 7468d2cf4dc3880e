import { setTimeout as delay } from 'node:timers/promises';
import { tagOf, tenantOf } from '../../../shared/domain/ids';
import { type GrownAgent, growTree } from '../../support/grow-tree';
import { rawCollection } from '../../support/raw-collection';
import { waitUntil } from '../../support/wait-until';
import type { BenchProcess } from '../processes';
import type { BenchEnvironment } from '../environment';
import { options } from './options';

const CONCURRENCY = 32;
const MAX_WARMINGS = 10;
const CLEARED_AT_ONCE = 5_000;
const WARMING_PAUSE_MS = 2_000;
export const CLOSED_WITHIN_MS = 1_800_000;

export interface KillResult {
  cascadeId: string;
  ms: number;
}

/** Makes a harmless call with each key on each API and counts the responses by status. */
export async function statuses(apis: BenchProcess[], keys: string[]): Promise<Map<number, number>> {
  const calls = keys.flatMap((key) => apis.map(({ port }) => ({ key, port })));
  const found = new Map<number, number>();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let call = calls[next++]; call; call = calls[next++]) {
      const response = await fetch(`http://127.0.0.1:${call.port}/v1/events?limit=1`, {
        headers: { 'x-api-key': call.key },
      });
      await response.arrayBuffer();
      found.set(response.status, (found.get(response.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  return found;
}

/**
 * Makes every API cache every key. The first call comes alone, because secantusd-rs takes seconds for the first read after
 * many inserts, and longer than the APIs wait if it comes with others. Retries, because an API may reject calls during a
 * burst of uncached keys.
 */
export async function warm(apis: BenchProcess[], keys: string[]): Promise<void> {
  await statuses(apis.slice(0, 1), keys.slice(-1));
  let found = new Map<number, number>();
  for (let tries = 0; tries < MAX_WARMINGS; tries += 1) {
    found = await statuses(apis, keys);
    if (found.size === 1 && found.has(200)) return;
    await delay(WARMING_PAUSE_MS);
  }
  throw new Error(`calls still fail after ${MAX_WARMINGS} attempts to cache the keys: ${formatStatuses(found)}`);
}

export function successesOf(found: Map<number, number>): number {
  return [...found].filter(([status]) => status < 400).reduce((sum, [, n]) => sum + n, 0);
}

export async function kill(api: BenchProcess, environment: BenchEnvironment, root: GrownAgent): Promise<KillResult> {
  const startedAt = performance.now();
  const response = await fetch(`http://127.0.0.1:${api.port}/v1/agents/${root.agentId}/revoke-descendants`, {
    method: 'POST',
    headers: { 'x-api-key': environment.partner.liveKey },
  });
  const body = (await response.json()) as { cascadeId: string };
  if (response.status !== 202) throw new Error(`the kill returned ${response.status}: ${JSON.stringify(body)}`);
  return { cascadeId: body.cascadeId, ms: performance.now() - startedAt };
}

/** Lets the partner order further kills at once, so that its limit does not slow down the measurement. */
export async function refillControlBudget({ ctx, partner }: Pick<BenchEnvironment, 'ctx' | 'partner'>): Promise<void> {
  const { partnerId } = partner;
  await ctx.queueLink.client.del(`${ctx.keys.budget(tagOf(partnerId), 'live', 'control')}${partnerId}`);
}

export async function isClosed({ ctx }: BenchEnvironment, cascadeId: string): Promise<boolean> {
  return (await ctx.store.cascades.byId(cascadeId))?.status === 'CLOSED';
}

/** Throws unless, for each agent, the cascade set one key hash to null and wrote exactly one audit entry. */
export async function expectExact({ ctx }: BenchEnvironment, root: GrownAgent, cascadeId: string): Promise<void> {
  const subtree = { $or: [{ _id: root.agentId }, { ancestors: root.agentId }] };
  const nulled = await ctx.store.agents.model.countDocuments({ ...subtree, status: 'REVOKED', key: null });
  const entries = await ctx.store.audit.countOfCascade(cascadeId);
  const cascade = await ctx.store.cascades.byId(cascadeId);
  const facts = `${nulled} hashes nulled, ${entries} entries, affected ${cascade?.affected}, revoked ${cascade?.revoked}`;
  if ([nulled, entries, cascade?.affected, cascade?.revoked].some((count) => count !== options.agents)) {
    throw new Error(`expected ${options.agents} of each: ${facts}`);
  }
  console.error(`    CLOSED: ${facts}`);
}

/** Waits until every audit entry is sealed, then verifies the partner's whole chain through the API. */
export async function expectSealed(api: BenchProcess, { ctx, partner }: BenchEnvironment): Promise<void> {
  const startedAt = performance.now();
  const chain = tenantOf(partner.partnerId, 'live');
  const sealed = async (): Promise<boolean> => (await ctx.store.audit.countUnsealed(chain)) === 0;
  await waitUntil('every entry is sealed', sealed, CLOSED_WITHIN_MS);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  let verdict = { intact: true, entries: 0, nextCursor: '' as string | null };
  while (verdict.intact && verdict.nextCursor !== null) {
    const query = verdict.nextCursor === '' ? '' : `?cursor=${encodeURIComponent(verdict.nextCursor)}`;
    const headers = { 'x-api-key': partner.liveKey };
    const response = await fetch(`http://127.0.0.1:${api.port}/v1/audit/verify${query}`, { headers });
    verdict = (await response.json()) as typeof verdict;
  }
  if (!verdict.intact || verdict.entries < options.agents)
    throw new Error(`the audit chain is broken or incomplete: ${JSON.stringify(verdict)}`);
  console.error(`    audit chain: intact, ${verdict.entries} entries, all sealed ${seconds} s after CLOSED`);
}

export const keysOf = (tree: GrownAgent[]): string[] => {
  const step = Math.max(1, Math.floor(tree.length / options.samples));
  return tree.filter((_, n) => n % step === 0).map(({ key }) => key);
};

export const formatStatuses = (found: Map<number, number>): string =>
  [...found].map(([status, n]) => `${n} × ${status}`).join(', ');

export async function grow({ ctx, partner }: BenchEnvironment, size: number): Promise<GrownAgent[]> {
  return growTree(ctx.store, tenantOf(partner.partnerId, 'live'), size);
}

/** Deletes agents and what belongs to them. In pages, because a single deletion of 100,000 rows may exceed the time limit. */
export async function clearAgents({ ctx }: BenchEnvironment): Promise<void> {
  for (const { model } of [ctx.store.agents, ctx.store.audit, ctx.store.auditHeads, ctx.store.cascades]) {
    for (;;) {
      const page = await rawCollection(model)
        .find({}, { projection: { _id: 1 } })
        .limit(CLEARED_AT_ONCE)
        .toArray();
      if (page.length === 0) break;
      await rawCollection(model).deleteMany({ _id: { $in: page.map(({ _id }) => _id) } });
    }
  }
}
