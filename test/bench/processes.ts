import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { freePort } from '../../deploy/local/ports';

export interface BenchProcess {
  port: number;
  child: ChildProcess;
  stop(): Promise<void>;
}

/** Starts one of the project's compiled programs and waits for its ready message. */
export async function startProgram(program: string, env: Record<string, string>): Promise<BenchProcess> {
  const child = fork(path.join(__dirname, '..', '..', program), {
    env: { ...process.env, LOG_LEVEL: 'error', ...env },
    execArgv: ['--max-semi-space-size=64', ...(process.env['BENCH_NODE_ARGS'] ?? '').split(' ').filter(Boolean)],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('exit', (code) => reject(new Error(`${program} exited with code ${code} before it was ready`)));
  });
  return {
    port,
    child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/** Starts an API process whose metrics port is known. A worker serves its metrics on its only port. */
export async function startApi(env: Record<string, string>): Promise<BenchProcess & { metricsPort: number }> {
  const metricsPort = await freePort();
  return { ...(await startProgram('api/main.js', { ...env, METRICS_PORT: String(metricsPort) })), metricsPort };
}
