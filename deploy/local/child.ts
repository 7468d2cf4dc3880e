import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';

const READY_TIMEOUT_MS = 60_000;
const MAX_EXITS_BEFORE_READY = 5;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 10_000;
/** After serving for this long, a process counts as stable and its backoff resets. */
const STABLE_MS = 30_000;

export interface ChildSpec {
  name: string;
  /** Path of a Node program that sends `{ type: 'ready', port }` when it is ready, and drains and exits on SIGTERM. */
  script: string;
  /**
   * Returns the environment. Called before each start until the program has been ready once. Later starts reuse the
   * last environment.
   */
  env: () => Promise<NodeJS.ProcessEnv>;
  log: (line: string) => void;
}

export interface SupervisedChild {
  /** Resolves when the program becomes ready for the first time. */
  ready: Promise<void>;
  /** Resolves with the reason when the supervisor gives up. */
  gaveUp: Promise<string>;
  /** Lets the program drain, and kills it if it is still running after `graceMs`. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

/** Runs a program and restarts it with exponential backoff whenever it exits on its own. */
export function supervise(spec: ChildSpec): SupervisedChild {
  const stopping = new AbortController();
  const { promise: ready, resolve: resolveReady } = deferred<void>();
  const { promise: gaveUp, resolve: giveUp } = deferred<string>();
  let current: ChildProcess | null = null;

  const run = async (): Promise<void> => {
    let backoffMs = BACKOFF_MIN_MS;
    let exitsBeforeReady = 0;
    let env: NodeJS.ProcessEnv = {};
    let served = false;
    while (!stopping.signal.aborted) {
      if (!served) env = await spec.env();
      if (stopping.signal.aborted) return;
      current = launch(spec, env);
      const life = await untilExit(current, resolveReady);
      if (stopping.signal.aborted) return;
      served ||= life.servedMs !== null;
      exitsBeforeReady = life.servedMs === null ? exitsBeforeReady + 1 : 0;
      if (life.servedMs !== null && life.servedMs > STABLE_MS) backoffMs = BACKOFF_MIN_MS;
      if (exitsBeforeReady === MAX_EXITS_BEFORE_READY) {
        giveUp(`${spec.name} exited ${exitsBeforeReady} times before it was ready (last: ${life.ending})`);
        return;
      }
      spec.log(`${spec.name} exited (${life.ending}); restarting in ${backoffMs / 1000} s`);
      await delay(backoffMs, undefined, { signal: stopping.signal }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
  };

  const running = run().catch((error: unknown) => giveUp(`${spec.name} cannot start: ${messageOf(error)}`));
  return {
    ready,
    gaveUp,
    async stop(graceMs) {
      stopping.abort();
      current?.kill('SIGTERM');
      const late = setTimeout(() => current?.kill('SIGKILL'), graceMs);
      await running;
      clearTimeout(late);
    },
    kill: () => void current?.kill('SIGKILL'),
  };
}

// Detaches the child, so Ctrl-C reaches only this process, which then stops everything in order. If this process is
// killed, the child's IPC channel closes and the child drains on its own.
function launch({ script }: ChildSpec, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, ['--enable-source-maps', '--max-semi-space-size=64', script], {
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

interface Life {
  /** null if the program was never ready. */
  servedMs: number | null;
  ending: string;
}

function untilExit(child: ChildProcess, onReady: () => void): Promise<Life> {
  return new Promise((resolve) => {
    let readyAt: number | null = null;
    const tooSlow = setTimeout(() => child.kill('SIGKILL'), READY_TIMEOUT_MS);
    child.on('message', (message) => {
      if (!isReady(message) || readyAt !== null) return;
      readyAt = Date.now();
      clearTimeout(tooSlow);
      onReady();
    });
    const finish = (ending: string): void => {
      clearTimeout(tooSlow);
      resolve({ servedMs: readyAt === null ? null : Date.now() - readyAt, ending });
    };
    child.once('error', (error) => finish(error.message));
    child.once('exit', (code, signal) => finish(signal ?? `exit code ${code}`));
  });
}

function isReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}

function notYet(): void {}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = notYet;
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: settle };
}
