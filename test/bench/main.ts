import { parseArgs } from 'node:util';
import { tenantOf } from '../../shared/domain/ids';
import { userRefOf } from '../../shared/domain/subject';
import { compare, type Comparison, describe } from './rounds';
import { drainRate, loopRate, usualRate } from './drain';
import { submitted } from './events';
import { requestsPerSecond } from './load';
import { startProgram } from './processes';
import { inEnvironment, type BenchEnvironment } from './environment';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'single,batch,resolve,drain,usual' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    events: { type: 'string', default: '50000' },
    users: { type: 'string', default: '20000' },
  },
});
const selected = new Set(options.only.split(','));
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);
const events = Number(options.events);
const users = Number(options.users);
const WARM_UP_SECONDS = 2;
const USUAL_EVENTS = 4_000;
const BATCH = 500;

/** Caches the signals of the users in these `/resolve` bodies, as a worker would. */
async function seedSignals({ ctx, partner }: BenchEnvironment, resolveBodies: string[]): Promise<void> {
  const tenant = tenantOf(partner.partnerId, 'live');
  const times = { firstEventAtMs: 1_780_000_000_000, lastEventAtMs: 1_790_000_000_000 };
  const row = { revision: 3, eventCount: 43, ...times, identity: null };
  const ids = new Set(resolveBodies.map((body) => (JSON.parse(body) as { userExternalId: string }).userExternalId));
  await ctx.signalsCache.putNewer([...ids].map((id) => [userRefOf(ctx.secrets.subject, tenant, id), row]));
}

async function http(environment: BenchEnvironment, report: (result: Comparison) => void): Promise<void> {
  const api = await startProgram('api/main.js', environment.env);
  const plain = await startProgram('test/bench/servers/plain.js', environment.env);
  const headers = { 'x-api-key': environment.partner.liveKey };
  const at = (port: number, path: string): string => `http://127.0.0.1:${port}${path}`;
  const singles = Array.from({ length: 200 }, (_, n) => JSON.stringify(submitted(n, users)));
  const batches = Array.from({ length: 20 }, (_, b) =>
    JSON.stringify({ events: Array.from({ length: BATCH }, (_, n) => submitted(b * BATCH + n, users)) }),
  );
  const resolveBodies = Array.from({ length: 200 }, (_, n) =>
    JSON.stringify({ userExternalId: submitted(n, users)['userExternalId'] }),
  );

  const side = async (url: string, bodies: string[], forSeconds: number, connections?: number): Promise<number> => {
    const figure = await requestsPerSecond({
      url,
      headers,
      bodies,
      seconds: forSeconds,
      ...(connections ? { connections } : {}),
    });
    await environment.clearQueue();
    return figure;
  };
  const pair = async (
    name: string,
    target: number,
    bodies: string[],
    ours: string,
    other: string,
    connections?: number,
  ): Promise<void> => {
    const a = at(api.port, ours);
    const b = at(plain.port, other);
    await side(a, bodies, WARM_UP_SECONDS, connections);
    await side(b, bodies, WARM_UP_SECONDS, connections);
    report(
      await compare(
        name,
        'req/s',
        target,
        rounds,
        () => side(a, bodies, seconds, connections),
        () => side(b, bodies, seconds, connections),
      ),
    );
  };
  if (selected.has('single')) {
    await pair('single POST /events, full path / bare Express JSON route', 0.9, singles, '/events', '/bare');
  }
  if (selected.has('batch')) {
    await pair('batch of 500 / parse and zod check only', 0.4, batches, '/events', '/parse-and-check', 8);
  }
  if (selected.has('resolve')) {
    await seedSignals(environment, resolveBodies);
    const text = JSON.stringify({ tier: 1, eventCount: 1, partnerCount: 1, recency: { lastEventAt: new Date() } });
    await environment.ctx.queueLink.client.mset(
      ...resolveBodies.flatMap((body) => [(JSON.parse(body) as { userExternalId: string }).userExternalId, text]),
    );
    await pair('resolve from cache / Express and raw Redis GET', 0.9, resolveBodies, '/resolve', '/redis-get');
  }
  await api.stop();
  await plain.stop();
}

async function drains(environment: BenchEnvironment, report: (result: Comparison) => void): Promise<void> {
  const worker = await startProgram('workers/main.js', environment.env);
  const loop = await startProgram('test/bench/servers/driver-loop.js', environment.env);
  const ours = (): Promise<number> => drainRate(environment, events, users);
  await ours();
  if (selected.has('drain')) {
    const other = (): Promise<number> => loopRate(environment, loop, events, users);
    await other();
    report(
      await compare(
        'drain of one worker / driver-only loop with 500 events per transaction',
        'events/s',
        1.2,
        rounds,
        ours,
        other,
      ),
    );
  }
  if (selected.has('usual')) {
    const usual = await startProgram('test/bench/servers/usual-worker.js', environment.env);
    const other = (): Promise<number> => usualRate(environment, USUAL_EVENTS, users);
    await other();
    report(
      await compare('drain of one worker / one job per event with Model.create', 'events/s', 14, rounds, ours, other),
    );
    await usual.stop();
  }
  await loop.stop();
  await worker.stop();
}

inEnvironment(async (environment) => {
  const report = (result: Comparison): void => console.log(describe(result));
  console.log(`stores: ${environment.stores.mongo}; ${environment.stores.redis}; ${rounds} rounds`);
  if (['single', 'batch', 'resolve'].some((name) => selected.has(name))) await http(environment, report);
  if (['drain', 'usual'].some((name) => selected.has(name))) await drains(environment, report);
});
