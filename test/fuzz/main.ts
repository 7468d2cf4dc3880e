import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors';
import { fuzz, type Outcome } from './run-schemathesis';
import { installSchemathesis } from './schemathesis';
import { openEnvironment } from './environment';

const { values: options } = parseArgs({
  options: {
    /** Runs the same cases every time, in about two minutes, for CI. */
    short: { type: 'boolean', default: false },
    /** The minimum number of cases. The run fails if it generates fewer cases. */
    cases: { type: 'string' },
    /** The number of random cases per operation and phase. The default is `EXAMPLES`. */
    examples: { type: 'string' },
    seed: { type: 'string' },
  },
});
/**
 * Number of random cases per operation in each phase that generates random cases, in addition to schema examples and
 * boundary values.
 */
const EXAMPLES = { short: 3, full: 60 };
const REQUIRED_CASES = { short: 1_500, full: 5_000 };
const SHORT_SEED = 20_261_124;

function line({ name, cases, failures, errors, accepted, acceptedBy, seconds }: Outcome): string {
  const verdict = failures + errors === 0 ? 'ok' : 'FAILED';
  return `${verdict.padEnd(7)}${name.padEnd(14)}${cases} cases, ${failures} failures, ${errors} errors, ${accepted} accepted by ${acceptedBy} operations, ${seconds} s`;
}

async function main(): Promise<number> {
  const length = options.short ? 'short' : 'full';
  const python = await installSchemathesis().catch((error: unknown) => {
    console.log(`Fuzzing did not run, because Schemathesis could not be installed: ${messageOf(error)}`);
    return null;
  });
  if (python === null) return process.env['CI'] ? 1 : 0;
  const workDir = await mkdtemp(path.join(os.tmpdir(), 'mir-fuzz-'));
  const environment = await openEnvironment(workDir);
  try {
    const seed = Number(options.seed ?? (options.short ? SHORT_SEED : Math.floor(Math.random() * 2 ** 31)));
    console.log(`seed ${seed}`);
    const outcomes: Outcome[] = [];
    const { short } = options;
    const maxExamples = Number(options.examples ?? EXAMPLES[length]);
    const shared = { python, workDir, url: environment.url, seed, short, maxExamples };
    for (const caller of environment.callers) {
      const outcome = await fuzz({ ...shared, caller });
      console.log(line(outcome));
      if (outcome.failures + outcome.errors > 0) console.log(outcome.report);
      outcomes.push(outcome);
    }
    const total = outcomes.reduce((sum, { cases }) => sum + cases, 0);
    const bad = outcomes.reduce((sum, { failures, errors }) => sum + failures + errors, 0);
    const required = Number(options.cases ?? REQUIRED_CASES[length]);
    console.log(`${total} cases, ${bad} failures`);
    if (total < required) console.log(`Too few cases: at least ${required} are required.`);
    return bad === 0 && total >= required ? 0 : 1;
  } finally {
    await environment.close();
    await rm(workDir, { recursive: true, force: true });
  }
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
