import path from 'node:path';
import { type ApiContext, createApiContext } from '../../../api/context';
import { readConfig } from '../../../shared/config/config';
import { projectRoot } from '../../../shared/project';
import { openRuntime } from '../../../shared/runtime';
import { type DrainLoad, drainRate, loopRate } from '../drain';
import { type BenchEnvironment, clearQueue, runBench, withDatabase } from '../environment';
import { readOptions } from '../options';
import { type BenchProcess, startProgram } from '../processes';
import type { Reporter } from '../report';
import { atLeast } from '../result';
import { alternate } from '../rounds';
import { fillTo, MEASURED_USERS, TENANTS } from './fill';

const options = readOptions(
  {
    name: 'bench:scale',
    summary: 'Compares the drain rate, relative to the driver-only loop, at different numbers of stored events.',
    figures: [],
  },
  {
    rounds: { default: 3, meaning: 'rounds per size' },
    sizes: { default: '30000,3000000', meaning: 'numbers of stored events; the first is the reference' },
    events: { default: 30_000, meaning: 'events per drain' },
    dataDir: {
      default: path.join(projectRoot(), '.cache', 'bench-scale'),
      meaning: 'folder of the databases, which later runs use again',
    },
  },
);
const sizes = options.sizes.split(',').map(Number);
if (sizes.some((size) => !Number.isInteger(size) || size <= 0)) {
  throw new Error('--sizes must be a comma-separated list of positive numbers, such as 30000,3000000');
}

/** Rounds that are not measured, in which the processes compile their hot code and the databases fill their caches. */
const WARM_UP_ROUNDS = 2;

/** A database with a fixed number of stored events, and the processes that use it. */
interface Site {
  size: number;
  ctx: ApiContext;
  worker: BenchProcess;
  loop: BenchProcess;
  /** Rates of each round in events per second. */
  ours: number[];
  baseline: number[];
}

async function openSite({ env }: BenchEnvironment, size: number, { progress }: Reporter): Promise<Site> {
  const own = { ...env, MONGO_URL: withDatabase(env['MONGO_URL']!, `mir_bench_${size}`), KEYSPACE: `bench-${size}` };
  const ctx = await createApiContext(await openRuntime(readConfig(own), 'api'));
  await clearQueue(ctx);
  // The loop creates its indexes when it starts, so both programs' indexes grow with the rows.
  const loop = await startProgram('test/bench/servers/driver-loop.js', own);
  progress(`filling a database up to ${size.toLocaleString('en')} events`);
  await fillTo(ctx, size, progress);
  const worker = await startProgram('workers/main.js', own);
  return { size, ctx, worker, loop, ours: [], baseline: [] };
}

const ratiosOf = ({ ours, baseline }: Site): number[] => ours.map((rate, round) => rate / baseline[round]!);

/**
 * Measures the end-to-end drain of one worker and the driver-only loop in databases of different sizes. Each size has
 * its own database, in which the measured events belong to stored tenants and users, so commits touch rows all over the
 * indexes. The loop's collections hold the same number of rows. A ratio that stays the same shows that nothing in MIR
 * becomes slower with the number of stored events, apart from the database itself.
 */
runBench({ name: 'bench:scale', options, dataDir: options.dataDir }, async (environment, reporter) => {
  const { partner } = environment;
  const load: DrainLoad = { count: options.events, users: MEASURED_USERS, tenants: TENANTS, keepUsers: true };
  const sites: Site[] = [];
  for (const size of sizes) sites.push(await openSite(environment, size, reporter));
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
    for (const { ctx, loop } of sites) {
      await drainRate({ ctx, partner }, load);
      await loopRate({ ctx, partner }, loop, load);
    }
  }
  for (let round = 0; round < options.rounds; round += 1) {
    for (const site of round % 2 === 0 ? sites : sites.toReversed()) {
      const { ctx, loop } = site;
      const { first, second } = await alternate(
        1,
        () => drainRate({ ctx, partner }, load),
        () => loopRate({ ctx, partner }, loop, load),
      );
      site.ours.push(...first);
      site.baseline.push(...second);
    }
  }
  for (const site of sites) {
    reporter.add({
      id: `scale-${site.size}`,
      name: `drain / driver-only loop with ${site.size.toLocaleString('en')} stored events`,
      unit: 'ratio',
      values: ratiosOf(site),
      limit: null,
      sides: [
        { name: 'MIR', unit: 'events/s', values: site.ours },
        { name: 'baseline', unit: 'events/s', values: site.baseline },
      ],
    });
  }
  const [reference, ...larger] = sites;
  for (const site of larger) {
    const expected = ratiosOf(reference!);
    reporter.add({
      id: `scale-${site.size}-change`,
      name: `that ratio with ${site.size.toLocaleString('en')} / with ${reference!.size.toLocaleString('en')} events`,
      unit: 'ratio',
      values: ratiosOf(site).map((ratio, round) => ratio / expected[round]!),
      limit: atLeast(0.9, 1),
      sides: [],
    });
  }
  for (const { ctx, worker, loop } of sites) {
    await Promise.all([worker.stop(), loop.stop()]);
    await ctx.close();
  }
});
