import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { tenantOf } from '../../shared/domain/ids';
import { type GrownAgent, growTree } from '../support/grow-tree';
import { waitUntil } from '../support/wait-until';
import { type BenchProcess, startProgram } from './processes';
import { compare, describe, median } from './rounds';
import { setStage, type Stage } from './stage';

/**
 * The kill switch on a big tree: latency against a small one, keys that pass after the 202 (none may), exactness under
 * kill -9 of the worker, and the rate of the cascade against a loop over the driver alone.
 */
const { values: options } = parseArgs({
  options: {
    agents: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '3' },
    samples: { type: 'string', default: '1000' },
    apis: { type: 'string', default: '3' },
    only: { type: 'string', default: 'latency,crash,rate' },
    'kill-every-seconds': { type: 'string', default: '5' },
  },
});
const agents = Number(options.agents);
const rounds = Number(options.rounds);
const samples = Number(options.samples);
const chosen = new Set(options.only.split(','));
const SMALL = 10;
const SMALL_KILLS_A_ROUND = 5;
const CONCURRENCY = 32;
const MAX_WARMINGS = 10;
const killEveryMs = Number(options['kill-every-seconds']) * 1_000;
const CLOSED_WITHIN_MS = 1_800_000;

interface Killed {
  cascadeId: string;
  ms: number;
}

/** Statuses of a harmless call with each key on each API. */
async function statuses(apis: BenchProcess[], keys: string[]): Promise<Map<number, number>> {
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
async function warm(apis: BenchProcess[], keys: string[]): Promise<void> {
  for (let tries = 0; tries < MAX_WARMINGS; tries += 1) {
    const found = await statuses(apis, keys);
    if (found.size === 1 && found.has(200)) return;
  }
  throw new Error('the keys cannot be warmed');
}

function passesOf(found: Map<number, number>): number {
  return [...found].filter(([status]) => status < 400).reduce((sum, [, n]) => sum + n, 0);
}

async function kill(api: BenchProcess, stage: Stage, root: GrownAgent): Promise<Killed> {
  const startedAt = performance.now();
  const answer = await fetch(`http://127.0.0.1:${api.port}/v1/agents/${root.agentId}/revoke-descendants`, {
    method: 'POST',
    headers: { 'x-api-key': stage.partner.liveKey },
  });
  const body = (await answer.json()) as { cascadeId: string };
  if (answer.status !== 202) throw new Error(`the kill answered ${answer.status}: ${JSON.stringify(body)}`);
  return { cascadeId: body.cascadeId, ms: performance.now() - startedAt };
}

async function closed({ ctx }: Stage, cascadeId: string): Promise<boolean> {
  return (await ctx.store.cascades.byId(cascadeId))?.status === 'CLOSED';
}

/** Exactly as many hashes gone and entries written as the tree has agents. */
async function expectExact({ ctx }: Stage, root: GrownAgent, cascadeId: string): Promise<void> {
  const subtree = { $or: [{ _id: root.agentId }, { ancestors: root.agentId }] };
  const gone = await ctx.store.agents.model.countDocuments({ ...subtree, status: 'REVOKED', key: null });
  const entries = await ctx.store.audit.countOfCascade(cascadeId);
  const cascade = await ctx.store.cascades.byId(cascadeId);
  const facts = `${gone} hashes gone, ${entries} entries, affected ${cascade?.affected}, revoked ${cascade?.revoked}`;
  if (gone !== agents || entries !== agents || cascade?.affected !== agents || cascade.revoked !== agents) {
    throw new Error(`not exact: ${facts}`);
  }
  console.log(`    CLOSED: ${facts}`);
}

/** Waits for the sealer and recomputes the whole chain of the partner, as a reader of its audit would. */
async function expectSealed(api: BenchProcess, { ctx, partner }: Stage): Promise<void> {
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
  if (!verdict.intact || verdict.entries < agents) throw new Error(`the audit: ${JSON.stringify(verdict)}`);
  console.log(`    audit chain: intact, ${verdict.entries} entries, all sealed ${seconds} s after CLOSED`);
}

const keysOf = (tree: GrownAgent[]): string[] => {
  const step = Math.max(1, Math.floor(tree.length / samples));
  return tree.filter((_, n) => n % step === 0).map(({ key }) => key);
};

const shown = (found: Map<number, number>): string => [...found].map(([status, n]) => `${n} × ${status}`).join(', ');

async function grow({ ctx, partner }: Stage, size: number): Promise<GrownAgent[]> {
  return growTree(ctx.store, tenantOf(partner.partnerId, 'live'), size);
}

async function forget({ ctx }: Stage): Promise<void> {
  for (const { model } of [ctx.store.agents, ctx.store.audit, ctx.store.auditHeads, ctx.store.cascades])
    await model.collection.deleteMany({});
}

/** Latency of kills: big and small trees in turn, their keys warm in every API, no worker at work. */
async function latency(stage: Stage, apis: BenchProcess[]): Promise<void> {
  const took: Record<'big' | 'small', number[]> = { big: [], small: [] };
  for (let round = 0; round < rounds; round += 1) {
    const big = await grow(stage, agents);
    const smalls: GrownAgent[][] = [];
    for (let n = 0; n < SMALL_KILLS_A_ROUND; n += 1) smalls.push(await grow(stage, SMALL));
    await warm(apis, [...keysOf(big), ...smalls.flatMap(keysOf)]);
    for (const [n, tree] of [...smalls.slice(0, 2), big, ...smalls.slice(2)].entries()) {
      const { ms } = await kill(apis[n % apis.length]!, stage, tree[0]!);
      took[tree === big ? 'big' : 'small'].push(ms);
      const tried = await statuses(apis, keysOf(tree));
      if (passesOf(tried) > 0) throw new Error(`after the 202: ${shown(tried)}`);
      if (tree === big) console.log(`    round ${round}: after the 202 of ${agents}: ${shown(tried)}`);
    }
    await stage.ctx.cascadeQueue.queue.obliterate({ force: true });
    await forget(stage);
  }
  const text = (figures: number[]): string =>
    `${median(figures).toFixed(1)} ms [${figures.map((f) => f.toFixed(0)).join(' ')}]`;
  console.log(
    `kill latency, tree of ${agents} / tree of ${SMALL}\n    ratio ${(median(took.big) / median(took.small)).toFixed(2)}` +
      `   big ${text(took.big)}, small ${text(took.small)}`,
  );
}

/** A big cascade while its worker is killed again and again, and keys are tried all along. */
async function crash(stage: Stage, apis: BenchProcess[]): Promise<void> {
  const tree = await grow(stage, agents);
  const keys = keysOf(tree);
  await warm(apis, keys);
  let worker = await startProgram('workers/main.js', stage.env);
  const startedAt = performance.now();
  const { cascadeId } = await kill(apis[0]!, stage, tree[0]!);
  let kills = 0;
  const state = { over: false };
  const killer = (async () => {
    for (;;) {
      await delay(killEveryMs);
      if (state.over || (await closed(stage, cascadeId))) return;
      worker.child.kill('SIGKILL');
      kills += 1;
      worker = await startProgram('workers/main.js', stage.env);
    }
  })();
  const tried = new Map<number, number>();
  const tryer = (async () => {
    do {
      for (const [status, n] of await statuses(apis, keys)) tried.set(status, (tried.get(status) ?? 0) + n);
    } while (!state.over);
  })();
  await waitUntil('the cascade is closed', () => closed(stage, cascadeId), CLOSED_WITHIN_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  state.over = true;
  await Promise.all([killer, tryer]);
  await expectSealed(apis[0]!, stage);
  await worker.stop();
  const passes = passesOf(tried);
  console.log(
    `kill -9 of the worker every ${killEveryMs / 1000} s: ${kills} kills, closed after ${seconds.toFixed(1)} s\n` +
      `    ${keys.length} keys on ${apis.length} APIs from the 202 on: ${shown(tried)}; passes: ${passes}`,
  );
  await expectExact(stage, tree[0]!, cascadeId);
  if (passes > 0) throw new Error(`${passes} calls passed after the 202`);
  await forget(stage);
}

/** Agents a second of the cascade and of the driver loop, in turn. */
async function rate(stage: Stage, apis: BenchProcess[]): Promise<void> {
  const worker = await startProgram('workers/main.js', stage.env);
  const loop = await startProgram('test/bench/servers/kill-loop.js', stage.env);
  const ours = async (): Promise<number> => {
    const tree = await grow(stage, agents);
    const startedAt = performance.now();
    const { cascadeId } = await kill(apis[0]!, stage, tree[0]!);
    await waitUntil('the cascade is closed', () => closed(stage, cascadeId), CLOSED_WITHIN_MS);
    const ms = performance.now() - startedAt;
    await expectExact(stage, tree[0]!, cascadeId);
    await forget(stage);
    return (agents / ms) * 1000;
  };
  const other = async (): Promise<number> => {
    const tree = await grow(stage, agents);
    const ms = await new Promise<number>((resolve, reject) => {
      loop.child.once('message', (message) => resolve((message as { ms: number }).ms));
      loop.child.once('exit', () => reject(new Error('the driver loop ended')));
      loop.child.send({ rootId: tree[0]!.agentId });
    });
    await forget(stage);
    return (agents / ms) * 1000;
  };
  console.log(
    describe(
      await compare(
        `cascade of ${agents} / driver-only loop of 1,000 a transaction`,
        'agents/s',
        0.8,
        rounds,
        ours,
        other,
      ),
    ),
  );
  await loop.stop();
  await worker.stop();
}

async function main(): Promise<void> {
  const stage = await setStage();
  console.log(`stores: ${stage.stores.mongo}; ${stage.stores.redis}; ${agents} agents, ${rounds} rounds`);
  try {
    const apis = await Promise.all(
      Array.from({ length: Number(options.apis) }, () => startProgram('api/main.js', stage.env)),
    );
    if (chosen.has('latency')) await latency(stage, apis);
    if (chosen.has('crash')) await crash(stage, apis);
    if (chosen.has('rate')) await rate(stage, apis);
    await Promise.all(apis.map((api) => api.stop()));
  } finally {
    await stage.close();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
