import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startStores } from '../../deploy/local/stores';
import { TEST_STORES } from '../support/test-stores';
import { openCluster } from './cluster';
import { runModel } from './run-model';
import { createTally, type Tally } from './tally';

const { values: options } = parseArgs({
  options: {
    /** Minimum number of operations and probes. */
    steps: { type: 'string', default: '100000' },
    /** Seed of the first partner. To repeat a failure, use the seed that the failure shows. */
    seed: { type: 'string' },
    /** Number of steps that an earlier run has done. Together with the seed that it showed last, continues that run. */
    done: { type: 'string', default: '0' },
  },
});
/** After this many steps, the run continues with new APIs and new databases, so that it can take any time. */
const STEPS_PER_CLUSTER = 25_000;
const PROGRESS_EVERY_MS = 15_000;
const MIB = 1024 * 1024;

function log(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

/** Runs the model with stores of its own. Returns the first seed that was not used. */
async function runOnce(seed: number, steps: number, tally: Tally, onProgress: (nextSeed: number) => void) {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'mir-model-'));
  const stores = await startStores({ dataDir });
  process.env[TEST_STORES] = JSON.stringify([stores]);
  try {
    const cluster = await openCluster();
    try {
      return await runModel({ cluster, tally, seed, steps, onProgress });
    } finally {
      await cluster.close();
    }
  } finally {
    await stores.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const [steps, before] = [Number(options.steps), Number(options.done)];
  let seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 30));
  log(`seed ${seed}, ${steps} steps`);
  const tally = createTally();
  const startedAt = performance.now();
  let shownAt = 0;
  const showProgress = (nextSeed: number): void => {
    if (performance.now() - shownAt < PROGRESS_EVERY_MS) return;
    shownAt = performance.now();
    const perSecond = Math.round((tally.steps() * 1_000) / (shownAt - startedAt));
    const { rss, heapUsed } = process.memoryUsage();
    const memory = `RSS ${Math.round(rss / MIB)} MiB, heap ${Math.round(heapUsed / MIB)} MiB`;
    const done = before + tally.steps();
    log(`${done} steps, ${perSecond} steps/s, ${memory}; continue with --seed ${nextSeed} --done ${done}`);
  };
  while (before + tally.steps() < steps) {
    const target = Math.min(tally.steps() + STEPS_PER_CLUSTER, steps - before);
    seed = await runOnce(seed, target, tally, showProgress);
  }
  for (const line of tally.lines()) log(line);
  log(`${before + tally.steps()} steps, 0 violations`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    log(String((error as Error).stack));
    process.exit(1);
  },
);
