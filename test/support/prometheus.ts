import { spawn } from 'node:child_process';
import { describe } from '@jest/globals';
import { findOnPath } from '../../deploy/local/paths';
import { freePort } from '../../deploy/local/ports';
import { waitUntil } from './wait-until';

const PROGRAMS = ['prometheus', 'promtool'];

const missing = PROGRAMS.filter((program) => findOnPath(program, process.env) === null);
const skipped = missing.length > 0 && process.env['CI'] !== 'true';
if (skipped) {
  process.stderr.write(`Skipped: ${missing.join(' and ')} not on PATH (Debian: apt-get install prometheus).\n`);
}

/** Tests that need Prometheus's own programs: skipped, with one line, where they are not; in CI they must be there. */
export const describeWithPrometheus = skipped ? describe.skip : describe;

/** Runs promtool, with a text as its input if given; answers its exit code and all that it printed. */
export async function promtool(args: string[], cwd: string, input = ''): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('promtool', args, { cwd });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
    child.stdin.end(input);
  });
}

export interface RunningPrometheus {
  /** Series of an instant query. Throws on what Prometheus refuses. */
  query(expr: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]>;
  stop(): Promise<void>;
}

interface QueryAnswer {
  status: string;
  error?: string;
  data: { result: { metric: Record<string, string>; value: [number, string] }[] };
}

/** Starts a real Prometheus over a configuration file, on data of its own; resolves when it serves. */
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
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  await waitUntil('Prometheus serves', async () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${stderr}`);
    return fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  return {
    async query(expr) {
      const res = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) });
      const answer = (await res.json()) as QueryAnswer;
      if (answer.status !== 'success') throw new Error(`${expr}: ${answer.error}`);
      return answer.data.result;
    },
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
