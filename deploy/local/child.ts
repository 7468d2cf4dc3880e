import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';

const READY_TIMEOUT_MS = 60_000;
const DEATHS_BEFORE_READY_MAX = 5;
const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 10_000;
/** A process that served this long was sound: its next death starts the backoff again. */
const STABLE_MS = 30_000;

export interface ChildSpec {
  name: string;
  /** A Node program that sends `{ type: 'ready', port }` when it serves, and drains and exits on SIGTERM. */
  script: string;
  /** Its environment: asked before each start until it served once, and kept from then on. */
  env: () => Promise<NodeJS.ProcessEnv>;
  say: (line: string) => void;
}

export interface SupervisedChild {
  /** Resolves when it serves for the first time. */
  ready: Promise<void>;
  /** Resolves with the reason when it was given up. */
  gaveUp: Promise<string>;
  /** Lets it drain, and kills it after the time. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

/** Runs a program and runs it again, with growing pauses, whenever it ends by itself. */
export function supervise(spec: ChildSpec): SupervisedChild {
  const stopping = new AbortController();
  const { promise: ready, resolve: sayReady } = deferred<void>();
  const { promise: gaveUp, resolve: giveUp } = deferred<string>();
  let current: ChildProcess | null = null;

  const run = async (): Promise<void> => {
    let backoffMs = BACKOFF_MIN_MS;
    let deathsBeforeReady = 0;
    let env: NodeJS.ProcessEnv = {};
    let served = false;
    while (!stopping.signal.aborted) {
      if (!served) env = await spec.env();
      if (stopping.signal.aborted) return;
      current = launch(spec, env);
      const life = await livesUntilExit(current, sayReady);
      if (stopping.signal.aborted) return;
      served ||= life.servedMs !== null;
      deathsBeforeReady = life.servedMs === null ? deathsBeforeReady + 1 : 0;
      if (life.servedMs !== null && life.servedMs > STABLE_MS) backoffMs = BACKOFF_MIN_MS;
      if (deathsBeforeReady === DEATHS_BEFORE_READY_MAX) {
        giveUp(`${spec.name} ended ${deathsBeforeReady} times before it was ready (last: ${life.ending})`);
        return;
      }
      spec.say(`${spec.name} ended (${life.ending}); starting it again in ${backoffMs / 1000} s`);
      await delay(backoffMs, undefined, { signal: stopping.signal }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MAX_MS);
    }
  };

  const running = run().catch((error: unknown) => giveUp(`${spec.name} cannot be started: ${messageOf(error)}`));
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

// Detached: a Ctrl-C in the terminal reaches this process only, which then stops everything in order.
// Should this process be killed, the child notices by its IPC channel and drains by itself.
function launch({ script }: ChildSpec, env: NodeJS.ProcessEnv): ChildProcess {
  return spawn(process.execPath, ['--enable-source-maps', '--max-semi-space-size=64', script], {
    env,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

interface Life {
  /** null: it never got ready. */
  servedMs: number | null;
  ending: string;
}

function livesUntilExit(child: ChildProcess, onReady: () => void): Promise<Life> {
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
