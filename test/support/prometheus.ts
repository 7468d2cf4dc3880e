import { spawn } from 'node:child_process';
import { describe } from '@jest/globals';
import { findOnPath } from '../../deploy/local/paths';
import { freePort } from '../../deploy/local/ports';
import { waitUntil } from './wait-until';

const PROGRAMS = ['prometheus', 'promtool'];

const missing = PROGRAMS.filter((program) => findOnPath(program, process.env) === null);
const skipped = missing.length > 0 && process.env['CI'] !== 'true';
if (skipped) {
  process.stderr.write(
    `Skipping Prometheus tests: ${missing.join(' and ')} not found on PATH (Debian: apt-get install prometheus).\n`,
  );
}

/** `describe` for tests that need `prometheus` and `promtool`. Outside CI, skips them if a program is missing. */
export const describeWithPrometheus = skipped ? describe.skip : describe;

/** Runs promtool and returns its exit code and everything it wrote to stdout and stderr. */
export async function promtool(args: string[], cwd: string, input = ''): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    // Collects garbage less often, because promtool runs for only a few seconds.
    const child = spawn('promtool', args, { cwd, env: { ...process.env, GOGC: '800' } });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
    child.stdin.end(input);
  });
}

export interface RunningPrometheus {
  /** Returns the series that match an instant query. Throws if Prometheus rejects the query. */
  query(expr: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]>;
  stop(): Promise<void>;
}

interface QueryResponse {
  status: string;
  error?: string;
  data: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

/** Starts Prometheus with a configuration file and an empty data folder. Resolves when it is ready. */
export async function startPrometheus(configFile: string, dataDir: string): Promise<RunningPrometheus> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const flags = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${dataDir}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', [...flags, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  await waitUntil('Prometheus is ready', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus exited: ${stderr}`);
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    async query(expr) {
      const res = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) });
      const response = (await res.json()) as QueryResponse;
      if (response.status !== 'success') throw new Error(`${expr}: ${response.error}`);
      return response.data.result;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
