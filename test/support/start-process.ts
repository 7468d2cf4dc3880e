import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { projectRoot } from '../../shared/project';
import { type ApiClient, createClient } from './client';

const PROGRAMS = { api: 'api/main.js', worker: 'workers/main.js' } as const;
export type Program = keyof typeof PROGRAMS;
/** The end of a process's output that is kept. Far more than a process prints in a test. */
const MAX_OUTPUT_CHARS = 8_000_000;

export interface Exit {
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

export function launch(program: Program, env: Record<string, string>) {
  const child = spawn(process.execPath, [join(projectRoot(), 'dist', PROGRAMS[program])], {
    env: { PATH: process.env['PATH'], PORT: '0', ...env, METRICS_PORT: '0', WORKER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Ctrl-C reaches only the parent, which ends the process when it is done with it.
    detached: true,
  });
  let stderr = '';
  let stdout = '';
  const kept = (text: string): string => (text.length > MAX_OUTPUT_CHARS ? text.slice(-MAX_OUTPUT_CHARS / 2) : text);
  child.stdout!.on('data', (chunk: Buffer) => (stdout = kept(stdout + chunk.toString())));
  child.stderr!.on('data', (chunk: Buffer) => (stderr = kept(stderr + chunk.toString())));
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

/**
 * Starts a process and waits until it is ready. Rejects if it exits before that. `onSpawn` receives a function that
 * kills the process, which its owner may need before the process is ready.
 */
export async function startProcess(
  program: Program,
  env: Record<string, string>,
  onSpawn: (kill9: () => Promise<void>) => void = () => undefined,
): Promise<TestProcess> {
  const { child, exit, ready, stdout, stderr } = launch(program, env);
  const end = (signal: NodeJS.Signals): Promise<Exit> => {
    child.kill(signal);
    return exit;
  };
  const kill9 = async (): Promise<void> => void (await end('SIGKILL'));
  onSpawn(kill9);
  const failed = exit.then(({ code, signal }) => {
    throw new Error(`the ${program} process exited before it was ready (${code ?? signal}): ${stderr()}`);
  });
  const port = await Promise.race([ready, failed]);
  failed.catch(() => undefined);
  return {
    pid: child.pid!,
    port,
    client: createClient(`http://127.0.0.1:${port}`),
    exit,
    stdout,
    stderr,
    kill9,
    stop: () => end('SIGTERM'),
  };
}
