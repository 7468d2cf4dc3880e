import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { projectRoot } from '../../shared/project';
import type { FuzzCaller } from './environment';

const SHOWN_LINES = 400;

const reportSchema = z.object({
  exit_code: z.int(),
  test_cases: z.object({ generated: z.int(), unique_failures: z.int(), errored: z.int() }),
  errors: z.array(z.unknown()),
  /** Results of the requests that were meant to be valid, by operation and phase. */
  valid_rates: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.int()))),
});

export interface Outcome {
  name: string;
  cases: number;
  failures: number;
  errors: number;
  /** The number of requests that were meant to be valid and were accepted. */
  accepted: number;
  /** The number of operations that accepted at least one such request. */
  acceptedBy: number;
  seconds: number;
  /** The last lines that Schemathesis printed. */
  report: string;
}

interface FuzzOptions {
  python: string;
  workDir: string;
  url: string;
  seed: number;
  maxExamples: number;
  short: boolean;
  caller: FuzzCaller;
}

/** Runs Schemathesis with all checks against one caller's operations. */
export async function fuzz({ python, workDir, url, seed, maxExamples, short, caller }: FuzzOptions): Promise<Outcome> {
  const folder = path.join(projectRoot(), 'test', 'fuzz');
  const name = caller.name.replaceAll(' ', '-');
  const [log, json] = [path.join(workDir, `${name}.log`), path.join(workDir, `${name}.json`)];
  const [config, location] = [path.join(folder, 'schemathesis.toml'), `${url}/openapi.json`];
  const selection = [...caller.operations, '--checks', 'all', '--max-examples', String(maxExamples)];
  const phases = short && caller.shortPhases ? ['--phases', caller.shortPhases] : [];
  const reporting = [
    '--seed',
    String(seed),
    '--generation-database',
    'none',
    '--report',
    'json',
    '--report-json-path',
    json,
  ];
  const program = ['-m', 'schemathesis.cli', '--no-color', '--config-file', config];
  const args = [...program, 'run', location, '--url', url, ...selection, ...phases, ...reporting];
  const startedAtMs = performance.now();
  const child = spawn(python, args, {
    cwd: workDir,
    env: {
      PATH: process.env['PATH'],
      HOME: workDir,
      PYTHONPATH: folder,
      PYTHONDONTWRITEBYTECODE: '1',
      MIR_KEY: caller.key,
      MIR_SESSION: caller.sessionToken,
      MIR_ADMIN_TOKEN: caller.adminToken,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [[code]] = await Promise.all([once(child, 'close'), pipeline(child.stdout, createWriteStream(log))]);
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  const report = (await readFile(log, 'utf8')).split('\n').slice(-SHOWN_LINES).join('\n');
  const parsed = reportSchema.safeParse(JSON.parse(await readFile(json, 'utf8').catch(() => 'null')));
  // A missing report counts as an error. So does a nonzero exit code if the report lists no failures or errors.
  if (!parsed.success)
    return { name: caller.name, cases: 0, failures: 0, errors: 1, accepted: 0, acceptedBy: 0, seconds, report };
  const { test_cases, errors, valid_rates } = parsed.data;
  const accepted = Object.values(valid_rates).map((phases) =>
    Object.values(phases).reduce((sum, phase) => sum + (phase['accepted'] ?? 0), 0),
  );
  const counted = test_cases.unique_failures + errors.length;
  return {
    name: caller.name,
    cases: test_cases.generated,
    failures: test_cases.unique_failures,
    errors: counted === 0 && code !== 0 ? 1 : errors.length,
    accepted: accepted.reduce((sum, count) => sum + count, 0),
    acceptedBy: accepted.filter((count) => count > 0).length,
    seconds,
    report,
  };
}
