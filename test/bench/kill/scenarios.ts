import { tenantOf } from '../../../shared/domain/ids';
import { type GrownAgent, growTree } from '../../support/grow-tree';
import { waitUntil } from '../../support/wait-until';
import type { BenchProcess } from '../processes';
import type { BenchEnvironment } from '../environment';
import { options } from './options';

const CONCURRENCY = 32;
const MAX_WARMINGS = 10;
export const CLOSED_WITHIN_MS = 1_800_000;

export interface Killed {
  cascadeId: string;
  ms: number;
}

/** Statuses of a harmless call with each key on each API. */
export async function statuses(apis: BenchProcess[], keys: string[]): Promise<Map<number, number>> {
  const calls = keys.flatMap((key) => apis.map(({ port }) => ({ key, port })));
  const found = new Map<number, number>();
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let call = calls[next++]; call; call = calls[next++]) {
      const answer = await fetch(`http://127.0.0.1:${call.port}/v1/events?limit=1`, {
        headers: { 'x-api-key': call.key },
      });
      await answer.arrayBuffer();
      found.set(answer.status, (found.get(answer.status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
  return found;
}

/** Lets every API load every key; a cold burst may be refused at first. */
export async function warm(apis: BenchProcess[], keys: string[]): Promise<void> {
  for (let tries = 0; tries < MAX_WARMINGS; tries += 1) {
    const found = await statuses(apis, keys);
    if (found.size === 1 && found.has(200)) return;
  }
  throw new Error('the keys cannot be warmed');
}

export function passesOf(found: Map<number, number>): number {
  return [...found].filter(([status]) => status < 400).reduce((sum, [, n]) => sum + n, 0);
}

export async function kill(api: BenchProcess, environment: BenchEnvironment, root: GrownAgent): Promise<Killed> {
  const startedAt = performance.now();
  const answer = await fetch(`http://127.0.0.1:${api.port}/v1/agents/${root.agentId}/revoke-descendants`, {
    method: 'POST',
    headers: { 'x-api-key': environment.partner.liveKey },
  });
  const body = (await answer.json()) as { cascadeId: string };
  if (answer.status !== 202) throw new Error(`the kill answered ${answer.status}: ${JSON.stringify(body)}`);
  return { cascadeId: body.cascadeId, ms: performance.now() - startedAt };
}

export async function closed({ ctx }: BenchEnvironment, cascadeId: string): Promise<boolean> {
  return (await ctx.store.cascades.byId(cascadeId))?.status === 'CLOSED';
}

/** Exactly as many hashes gone and entries written as the tree has agents. */
export async function expectExact({ ctx }: BenchEnvironment, root: GrownAgent, cascadeId: string): Promise<void> {
  const subtree = { $or: [{ _id: root.agentId }, { ancestors: root.agentId }] };
  const gone = await ctx.store.agents.model.countDocuments({ ...subtree, status: 'REVOKED', key: null });
  const entries = await ctx.store.audit.countOfCascade(cascadeId);
  const cascade = await ctx.store.cascades.byId(cascadeId);
  const facts = `${gone} hashes gone, ${entries} entries, affected ${cascade?.affected}, revoked ${cascade?.revoked}`;
  if ([gone, entries, cascade?.affected, cascade?.revoked].some((count) => count !== options.agents)) {
    throw new Error(`not exact: ${facts}`);
  }
  console.log(`    CLOSED: ${facts}`);
}

/** Waits for the sealer and recomputes the whole chain of the partner, as a reader of its audit would. */
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
    const answer = await fetch(`http://127.0.0.1:${api.port}/v1/audit/verify${query}`, { headers });
    verdict = (await answer.json()) as typeof verdict;
  }
  if (!verdict.intact || verdict.entries < options.agents) throw new Error(`the audit: ${JSON.stringify(verdict)}`);
  console.log(`    audit chain: intact, ${verdict.entries} entries, all sealed ${seconds} s after CLOSED`);
}

export const keysOf = (tree: GrownAgent[]): string[] => {
  const step = Math.max(1, Math.floor(tree.length / options.samples));
  return tree.filter((_, n) => n % step === 0).map(({ key }) => key);
};

export const shown = (found: Map<number, number>): string =>
  [...found].map(([status, n]) => `${n} × ${status}`).join(', ');

export async function grow({ ctx, partner }: BenchEnvironment, size: number): Promise<GrownAgent[]> {
  return growTree(ctx.store, tenantOf(partner.partnerId, 'live'), size);
}

export async function forget({ ctx }: BenchEnvironment): Promise<void> {
  for (const { model } of [ctx.store.agents, ctx.store.audit, ctx.store.auditHeads, ctx.store.cascades])
    await model.collection.deleteMany({});
}
