import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { tenantOf } from '../../../shared/domain/ids';
import { insertPartner, type TestPartner } from '../../support/harness';
import { waitUntil } from '../../support/wait-until';
import { inEnvironment, type BenchEnvironment } from '../environment';
import { httpClient } from '../http';
import { type BenchProcess, startProgram } from '../processes';
import { median } from '../rounds';
import type { SendMessage, SentMessage } from '../servers/batch-sender';
import { createSampler, sampleFreshness, type Sampler } from './freshness';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'idle,load,dump,ten' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '8' },
    dump: { type: 'string', default: '200000' },
    each: { type: 'string', default: '30000' },
    workers: { type: 'string', default: '1' },
  },
});
const selected = new Set(options.only.split(','));
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const UNLIMITED = { limits: { eventsPerMinute: 1_000_000_000, requestsPerMinute: 1_000_000_000 } };
const USERS = 20_000;
const DRAIN_TIMEOUT_MS = 300_000;
const LATE_MS = 5_000;
const LATE_EVENTS = 1_000;
const PARTNERS = 10;

interface Bench {
  environment: BenchEnvironment;
  api: BenchProcess;
  sender: BenchProcess;
  late: BenchProcess;
  a: TestPartner;
  b: Sampler;
}

function quantile(samples: number[], q: number): number {
  const sorted = samples.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]!;
}

async function send(sender: BenchProcess, message: SendMessage): Promise<SentMessage> {
  const answer = once(sender.child, 'message');
  sender.child.send(message);
  return (await answer)[0] as SentMessage;
}

async function openChunks({ ctx }: BenchEnvironment, { partnerId }: TestPartner): Promise<number> {
  return ctx.queueLink.client.zcard(ctx.keys.openChunks(tenantOf(partnerId, 'live')));
}

async function drained(environment: BenchEnvironment, partner: TestPartner): Promise<void> {
  await waitUntil(
    'the dump is finalized',
    async () => (await openChunks(environment, partner)) === 0,
    DRAIN_TIMEOUT_MS,
  );
}

async function clearEvents({ ctx }: BenchEnvironment): Promise<void> {
  await ctx.store.events.model.collection.deleteMany({});
}

/** Samples while `work` runs. */
async function during(b: Sampler, work: Promise<unknown>): Promise<number[]> {
  let done = false;
  const finished = work.finally(() => {
    done = true;
  });
  const samples = await sampleFreshness(b, () => done);
  await finished;
  return samples;
}

const text = (ms: number): string => ms.toFixed(ms < 100 ? 1 : 0);

function report(name: string, all: number[][]): void {
  const of = (q: number): number => median(all.map((samples) => quantile(samples, q)));
  const count = all.reduce((sum, samples) => sum + samples.length, 0);
  console.log(
    `${name}\n    p50 ${text(of(0.5))} ms, p99 ${text(of(0.99))} ms (${count} samples, ${all.length} rounds)`,
  );
}

/** Returns the events per second of a dump from its first request to its last finalized chunk. */
async function dump({ environment, api, sender, a }: Bench, events: number): Promise<number> {
  const startedAt = performance.now();
  const dumps = [{ key: a.liveKey, events, users: USERS }];
  await send(sender, { port: api.port, dumps, connections: 4, rate: null });
  await drained(environment, a);
  return (events / (performance.now() - startedAt)) * 1_000;
}

async function tenPartners(bench: Bench): Promise<{ spread: number; lateMs: number; rate: number }> {
  const { environment, api, sender, late } = bench;
  const partners = await Promise.all(
    Array.from({ length: PARTNERS + 1 }, () => insertPartner(environment.ctx.store, UNLIMITED)),
  );
  const eleventh = partners.pop()!;
  const each = Number(options.each);
  const dumps = partners.map(({ liveKey }) => ({ key: liveKey, events: each, users: USERS }));
  const startedAt = performance.now();
  const sending = send(sender, { port: api.port, dumps, connections: 1, rate: null });
  let sent = false;
  void sending.then(() => (sent = true));
  const latecomer = (async () => {
    await delay(LATE_MS);
    const from = performance.now();
    const one = [{ key: eleventh.liveKey, events: LATE_EVENTS, users: USERS }];
    await send(late, { port: api.port, dumps: one, connections: 2, rate: null });
    await drained(environment, eleventh);
    return performance.now() - from;
  })();
  const finishedAt = new Map<TestPartner, number>();
  await waitUntil(
    'all dumps are finalized',
    async () => {
      for (const partner of partners) {
        if (finishedAt.has(partner)) continue;
        if ((await openChunks(environment, partner)) === 0 && sent) finishedAt.set(partner, performance.now());
      }
      return finishedAt.size === partners.length;
    },
    DRAIN_TIMEOUT_MS,
  );
  const times = [...finishedAt.values()].map((at) => at - startedAt);
  const lateMs = await latecomer;
  await clearEvents(environment);
  return {
    spread: Math.max(...times) / Math.min(...times),
    lateMs,
    rate: ((each * PARTNERS) / Math.max(...times)) * 1_000,
  };
}

inEnvironment(async (environment) => {
  const { stores, env } = environment;
  console.log(`stores: ${stores.mongo}; ${stores.redis}; ${rounds} rounds`);
  const api = await startProgram('api/main.js', env);
  const workers = await Promise.all(
    Array.from({ length: Number(options.workers) }, () => startProgram('workers/main.js', env)),
  );
  const sender = await startProgram('test/bench/servers/batch-sender.js', env);
  const late = await startProgram('test/bench/servers/batch-sender.js', env);
  const [a, b] = await Promise.all([
    insertPartner(environment.ctx.store, UNLIMITED),
    insertPartner(environment.ctx.store, UNLIMITED),
  ]);
  const bench: Bench = { environment, api, sender, late, a, b: createSampler(httpClient(api.port, 2), b.liveKey) };
  await during(bench.b, dump(bench, 20_000));
  await during(bench.b, delay(2_000));
  await clearEvents(environment);

  const idle: number[][] = [];
  const loaded: number[][] = [];
  const dumped: number[][] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (selected.has('idle')) idle.push(await during(bench.b, delay(seconds * 1_000)));
    if (selected.has('dump') || selected.has('load')) {
      const [samples, rate] = await (async () => {
        const work = dump(bench, Number(options.dump));
        return [await during(bench.b, work), await work] as const;
      })();
      dumped.push(samples);
      rates.push(rate);
      await clearEvents(environment);
    }
    if (selected.has('load')) {
      const rate = 0.7 * median(rates);
      const dumps = [{ key: a.liveKey, events: rate * seconds, users: USERS }];
      loaded.push(await during(bench.b, send(sender, { port: api.port, dumps, connections: 4, rate })));
      await drained(environment, a);
      await clearEvents(environment);
    }
  }
  if (idle.length > 0) report('freshness, idle', idle);
  if (loaded.length > 0) report(`freshness beside a partner at 70% of ${Math.round(median(rates))} events/s`, loaded);
  if (dumped.length > 0)
    report(`freshness during a dump of ${options.dump} (${Math.round(median(rates))} events/s)`, dumped);
  if (selected.has('ten')) {
    for (let round = 0; round < rounds; round += 1) {
      const { spread, lateMs, rate } = await tenPartners(bench);
      console.log(
        `ten partners: slowest / fastest ${spread.toFixed(2)}; the eleventh finished in ${text(lateMs)} ms; ${Math.round(rate)} events/s`,
      );
    }
  }
  await Promise.all([...workers, api, sender, late].map((one) => one.stop()));
});
