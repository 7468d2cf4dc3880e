import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { projectRoot } from '../../shared/project';
import { type ApiClient, createClient } from './client';

const PROGRAMS = { api: 'api/main.js', worker: 'workers/main.js' } as const;
type Program = keyof typeof PROGRAMS;

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process that runs one of the product's compiled programs. */
export interface TestProcess {
  pid: number;
  port: number;
  client: ApiClient;
  /** Resolves when the process has exited. */
  exit: Promise<Exit>;
  /** Returns the log as JSON lines. */
  stdout(): string;
  stderr(): string;
  /** Sends SIGKILL and waits for the process to exit. */
  kill9(): Promise<void>;
  /** Sends SIGTERM and waits for the process to exit. */
  stop(): Promise<Exit>;
}

function launch(program: Program, env: Record<string, string>) {
  const child = spawn(process.execPath, [join(projectRoot(), 'dist', PROGRAMS[program])], {
    env: { PATH: process.env['PATH'], PORT: '0', ...env, METRICS_PORT: '0', WORKER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let stderr = '';
  let stdout = '';
  child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exit = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<number>((resolve) => {
    child.on('message', (message: { type?: string; port?: number }) => {
      if (message.type === 'ready') resolve(message.port!);
    });
  });
  return { child, exit, ready, stdout: () => stdout, stderr: () => stderr };
}

/** Returns a function that starts a process. The processes are killed after the last test, even if tests fail. */
export function testProcesses(): (program: Program, env: Record<string, string>) => Promise<TestProcess> {
  const started: TestProcess[] = [];
  afterAll(async () => {
    await Promise.all(started.map((one) => one.kill9()));
  });
  return async (program, env) => {
    const { child, exit, ready, stdout, stderr } = launch(program, env);
    const failed = exit.then(({ code, signal }) => {
      throw new Error(`the ${program} process exited before it was ready (${code ?? signal}): ${stderr()}`);
    });
    const port = await Promise.race([ready, failed]);
    failed.catch(() => undefined);
    const end = (signal: NodeJS.Signals): Promise<Exit> => {
      child.kill(signal);
      return exit;
    };
    const one: TestProcess = {
      pid: child.pid!,
      port,
      client: createClient(`http://127.0.0.1:${port}`),
      exit,
      stdout,
      stderr,
      kill9: async () => void (await end('SIGKILL')),
      stop: () => end('SIGTERM'),
    };
    started.push(one);
    return one;
  };
}

/** Starts a process that is expected to fail on startup, and returns its exit code, signal and stderr. */
export async function failedStart(program: Program, env: Record<string, string>): Promise<Exit & { stderr: string }> {
  const { child, exit, ready, stderr } = launch(program, env);
  const outcome = await Promise.race([exit, ready.then(() => null)]);
  if (outcome !== null) return { ...outcome, stderr: stderr() };
  child.kill('SIGKILL');
  await exit;
  throw new Error(`the ${program} process started, but should have failed`);
}
