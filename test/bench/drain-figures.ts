import { type DrainLoad, drainRate, loopRate, usualRate } from './drain';
import type { BenchEnvironment } from './environment';
import type { MainOptions } from './main-options';
import { cpuMs, scrape, sumOf } from './metrics';
import { type BenchProcess, startProgram } from './processes';
import type { Reporter } from './report';
import { atLeast, atMost } from './result';
import { compare } from './rounds';

const USUAL_EVENTS = 4_000;
const WORKERS = 4;
/** Events per worker process in the warm-up of the comparison of one and four processes. */
const WARM_UP_EVENTS = 15_000;
const WORKER = 'workers/main.js';

/** Compares the drain of one worker with the driver-only loop and with one job per event. */
export async function drainFigures(
  environment: BenchEnvironment,
  { rounds, events, users, selected }: MainOptions,
  reporter: Reporter,
): Promise<void> {
  const load: DrainLoad = { count: events, users };
  const worker = await startProgram(WORKER, environment.env);
  const loop = await startProgram('test/bench/servers/driver-loop.js', environment.env);
  await drainRate(environment, load);
  if (selected.has('drain')) {
    await loopRate(environment, loop, load);
    const cpu: number[] = [];
    const ours = async (): Promise<number> => {
      const before = await cpuMs(worker.port);
      const rate = await drainRate(environment, load);
      cpu.push((((await cpuMs(worker.port)) - before) / events) * 1_000);
      return rate;
    };
    reporter.add(
      await compare(
        {
          id: 'drain',
          name: 'end to end: drain of one worker / driver-only loop with 500 events per transaction',
          unit: 'events/s',
          limit: atLeast(1.35, 1.5),
          rounds,
        },
        ours,
        () => loopRate(environment, loop, load),
      ),
    );
    reporter.add({
      id: 'drain-cpu',
      name: 'drain: worker CPU per 1,000 events',
      unit: 'ms',
      values: cpu,
      limit: null,
      sides: [],
    });
  }
  if (selected.has('usual')) {
    const usual = await startProgram('test/bench/servers/usual-worker.js', environment.env);
    const usualLoad = { ...load, count: USUAL_EVENTS };
    await usualRate(environment, usualLoad);
    reporter.add(
      await compare(
        {
          id: 'usual',
          name: 'end to end: drain of one worker / one job per event with Model.create',
          unit: 'events/s',
          limit: atLeast(17, 20),
          rounds,
        },
        () => drainRate(environment, load),
        () => usualRate(environment, usualLoad),
      ),
    );
    await usual.stop();
  }
  await Promise.all([loop.stop(), worker.stop()]);
}

/** Compares four worker processes with one. All of them commit events of the same hot users. */
export async function workersFigures(
  environment: BenchEnvironment,
  { rounds, events, users, hotUsers }: MainOptions,
  reporter: Reporter,
): Promise<void> {
  const load: DrainLoad = { count: events, users, hotUsers };
  const total = async (workers: BenchProcess[], name: string): Promise<number> => {
    const samples = await Promise.all(workers.map(({ port }) => scrape(port)));
    return samples.reduce((sum, one) => sum + sumOf(one, name), 0);
  };
  const retried: number[] = [];
  const drainWith = async (count: number): Promise<number> => {
    const workers = await Promise.all(Array.from({ length: count }, () => startProgram(WORKER, environment.env)));
    // Each process must have compiled its hot code before it is measured.
    await drainRate(environment, { ...load, count: count * WARM_UP_EVENTS });
    const retriesBefore = await total(workers, 'mir_commit_retries_total');
    const commitsBefore = await total(workers, 'mir_commit_duration_seconds_count');
    const rate = await drainRate(environment, load);
    if (count > 1) {
      const retries = (await total(workers, 'mir_commit_retries_total')) - retriesBefore;
      const commits = (await total(workers, 'mir_commit_duration_seconds_count')) - commitsBefore;
      retried.push((retries / commits) * 100);
    }
    await Promise.all(workers.map((worker) => worker.stop()));
    return rate;
  };
  reporter.add(
    await compare(
      {
        id: 'workers4',
        name: `drain of ${WORKERS} worker processes / of one, half of the events of ${hotUsers} users`,
        unit: 'events/s',
        limit: atLeast(0.85, 1),
        rounds,
        sides: [`${WORKERS} workers`, '1 worker'],
      },
      () => drainWith(WORKERS),
      () => drainWith(1),
    ),
  );
  reporter.add({
    id: 'workers4-retried',
    name: `commits retried by ${WORKERS} worker processes`,
    unit: '%',
    values: retried,
    limit: atMost(0),
    sides: [],
  });
}
