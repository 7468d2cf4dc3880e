import { tenantOf } from '../../shared/domain/ids';
import { growTree } from '../support/grow-tree';
import type { BenchEnvironment } from './environment';
import { batchBody, submitted } from './events';
import { latenciesAtRate, loadRoute, maximumRate } from './load';
import type { MainOptions } from './main-options';
import { cpuMs } from './metrics';
import { startApi, startProgram } from './processes';
import type { Reporter } from './report';
import { atLeast, atMost, type Limit, quantile } from './result';
import { alternate, compare } from './rounds';

const WARM_UP_SECONDS = 2;
const BATCH = 500;
const BATCH_CONNECTIONS = 8;
/** Agents whose keys are introspected, as many as the users that are resolved. */
const TOKENS = 200;
/** Share of the maximum rate of introspections at which their latency is measured. */
const BUSY_SHARE = 0.7;

/** Caches the signals of the users in these `/resolve` bodies, as a worker would. */
async function seedSignals({ ctx, partner }: BenchEnvironment, userIds: string[]): Promise<void> {
  const tenant = tenantOf(partner.partnerId, 'live');
  const times = { firstEventAtMs: 1_780_000_000_000, lastEventAtMs: 1_790_000_000_000 };
  const row = { revision: 3, eventCount: 43, ...times, identity: null };
  const refs = new Set(userIds.map((id) => ctx.secrets.userRef(tenant, id)));
  const fence = await ctx.signalsCache.fence([...refs]);
  await ctx.signalsCache.putNewer(
    [...refs].map((ref) => [ref, row]),
    fence,
  );
  // The baseline reads a value of a similar size under the plain user ID.
  const text = JSON.stringify({ tier: 1, eventCount: 1, partnerCount: 1, recency: { lastEventAt: new Date() } });
  await ctx.queueLink.client.mset(...userIds.flatMap((id) => [id, text]));
}

interface Pair {
  id: string;
  name: string;
  limit: Limit;
  bodies: string[];
  /** Paths of the route and of its baseline. */
  ours: string;
  baseline: string;
  /** The baseline is another route of MIR, with these bodies. */
  baselineBodies?: string[];
  connections?: number;
}

/** Compares routes of one API process with baselines in a plain Express process, or with another route. */
export async function httpFigures(
  environment: BenchEnvironment,
  options: MainOptions,
  reporter: Reporter,
): Promise<void> {
  const { rounds, seconds, users, selected } = options;
  const api = await startApi(environment.env);
  const plain = await startProgram('test/bench/servers/plain.js', environment.env);
  const headers = { 'x-api-key': environment.partner.liveKey };

  const load = async (url: string, { bodies, connections }: Pair, forSeconds: number) => {
    const limits = connections === undefined ? {} : { connections };
    const result = await loadRoute({ url, headers, bodies, seconds: forSeconds, ...limits });
    await environment.clearQueue();
    return result;
  };
  /** Returns the API's CPU time in ms per 1,000 requests, per round. */
  const measure = async (pair: Pair): Promise<number[]> => {
    const ours = `http://127.0.0.1:${api.port}${pair.ours}`;
    const baseline = `http://127.0.0.1:${(pair.baselineBodies ? api : plain).port}${pair.baseline}`;
    const other = { ...pair, bodies: pair.baselineBodies ?? pair.bodies };
    await load(ours, pair, WARM_UP_SECONDS);
    await load(baseline, other, WARM_UP_SECONDS);
    const cpu: number[] = [];
    const measureOurs = async (): Promise<number> => {
      const before = await cpuMs(api.metricsPort);
      const { perSecond, total } = await load(ours, pair, seconds);
      cpu.push((((await cpuMs(api.metricsPort)) - before) / total) * 1_000);
      return perSecond;
    };
    const { id, name, limit } = pair;
    reporter.add(
      await compare(
        { id, name, unit: 'req/s', limit, rounds },
        measureOurs,
        async () => (await load(baseline, other, seconds)).perSecond,
      ),
    );
    return cpu;
  };

  const singles = Array.from({ length: 200 }, (_, n) => submitted(n, users));
  if (selected.has('single')) {
    await measure({
      id: 'single',
      name: 'single POST /events / bare Express JSON route',
      limit: atLeast(1, 1.1),
      bodies: singles.map((event) => JSON.stringify(event)),
      ours: '/events',
      baseline: '/bare',
    });
  }
  if (selected.has('batch')) {
    const cpu = await measure({
      id: 'batch',
      name: 'batch of 500 / parsing and zod validation only',
      limit: atLeast(0.5, 0.6),
      bodies: Array.from({ length: 20 }, (_, b) => batchBody(b * BATCH, BATCH, users)),
      ours: '/events',
      baseline: '/parse-and-check',
      connections: BATCH_CONNECTIONS,
    });
    reporter.add({
      id: 'batch-cpu',
      name: 'batch of 500: API CPU per 1,000 events',
      unit: 'ms',
      values: cpu.map((perThousandRequests) => perThousandRequests / BATCH),
      limit: null,
      sides: [],
    });
  }
  const userIds = singles.map((event) => String(event['userExternalId']));
  if (selected.has('resolve') || selected.has('introspect')) await seedSignals(environment, userIds);
  const resolves = userIds.map((userExternalId) => JSON.stringify({ userExternalId }));
  if (selected.has('resolve')) {
    await measure({
      id: 'resolve',
      name: 'resolve from the cache / Express and a raw Redis GET',
      limit: atLeast(1, 1.05),
      bodies: resolves,
      ours: '/resolve',
      baseline: '/redis-get',
    });
  }
  if (selected.has('introspect')) {
    const tree = await growTree(environment.ctx.store, tenantOf(environment.partner.partnerId, 'live'), TOKENS);
    const bodies = tree.map(({ key }) => JSON.stringify({ token: key }));
    await measure({
      id: 'introspect',
      name: 'introspection of 200 agents / resolve from the cache',
      limit: atLeast(0.9, 0.95),
      bodies,
      ours: '/v1/introspect',
      baseline: '/resolve',
      baselineBodies: resolves,
    });
    const target = { port: api.port, key: environment.partner.liveKey, seconds };
    const ours = { ...target, path: '/v1/introspect', bodies };
    const other = { ...target, path: '/resolve', bodies: resolves };
    // With the same client as below. It shares the cores with the API, so less is left than beside autocannon.
    const perSecond = BUSY_SHARE * (await maximumRate(ours));
    await latenciesAtRate({ ...ours, perSecond, seconds: WARM_UP_SECONDS });
    const p99s = await alternate(
      rounds,
      async () => quantile(await latenciesAtRate({ ...ours, perSecond }), 0.99),
      async () => quantile(await latenciesAtRate({ ...other, perSecond }), 0.99),
    );
    const at = `at ${BUSY_SHARE * 100}% of the maximum rate, p99`;
    const common = { unit: 'ms', sides: [] };
    const introspection = {
      id: 'introspect-p99',
      name: `introspection ${at} (${Math.round(perSecond).toLocaleString('en')} req/s)`,
      limit: atMost(20, 10),
    };
    reporter.add({ ...common, ...introspection, values: p99s.first });
    reporter.add({
      ...common,
      id: 'introspect-resolve-p99',
      name: 'resolve at the same rate, p99',
      limit: null,
      values: p99s.second,
    });
  }
  await Promise.all([api.stop(), plain.stop()]);
}
