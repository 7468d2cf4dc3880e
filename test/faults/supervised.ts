import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../../shared/errors';
import { withDeadline } from '../../shared/concurrency/deadline';
import { type Exit, type Program, startProcess, type TestProcess } from '../support/start-process';

/** Time within which a process must be ready once its stores are up. */
const START_TIMEOUT_MS = 120_000;
const RETRY_START_MS = 500;
const SHOWN_LOG_CHARS = 3_000;
const STARTING_PORT = 1;

/** One of MIR's processes. The suite restarts it after each exit, as an orchestrator would. */
export interface Supervised {
  name: string;
  program: Program;
  /** The port of the current process, or a closed port before the first start. */
  port(): number;
  /** Starts the process and waits until it is ready. Retries if it exits before that. */
  start(extraEnv?: Record<string, string>): Promise<void>;
  kill9(): Promise<void>;
  /** Sends SIGTERM and waits for the process to exit. */
  stop(): Promise<Exit>;
  freeze(): void;
  thaw(): void;
  pid(): number;
  /** The end of the log. */
  log(): string;
}

/** Creates a process that is not started yet. `onExit` is called if the process exits by itself after it was ready. */
export function supervise(
  { name, program, env }: { name: string; program: Program; env: Record<string, string> },
  onExit: (what: string) => void,
): Supervised {
  let current: TestProcess | null = null;
  let killStarting: (() => Promise<void>) | null = null;
  let earlierLog = '';
  const logOf = (one: TestProcess): string => `${one.stdout()}${one.stderr()}`.slice(-SHOWN_LOG_CHARS);
  const log = (): string => (current ? logOf(current) : earlierLog);

  /** Marks the current process as ending, so that its exit is expected. */
  const release = (): TestProcess | null => {
    const ending = current;
    if (ending) earlierLog = logOf(ending);
    current = null;
    return ending;
  };

  const startOnce = async (extraEnv: Record<string, string>): Promise<void> => {
    const started = await startProcess(program, { ...env, ...extraEnv }, (kill9) => {
      killStarting = kill9;
    });
    killStarting = null;
    current = started;
    void started.exit.then(({ code, signal }) => {
      if (current !== started) return;
      onExit(`${name} exited by itself (${code ?? signal}):\n${logOf(started)}`);
      release();
    });
  };

  return {
    name,
    program,
    port: () => current?.port ?? STARTING_PORT,
    start: async (extraEnv = {}) => {
      const startedAt = performance.now();
      const deadline = (): Error => new Error(`${name} was not ready within ${START_TIMEOUT_MS / 1_000} s`);
      for (;;) {
        const leftMs = START_TIMEOUT_MS - (performance.now() - startedAt);
        try {
          return await withDeadline(startOnce(extraEnv), leftMs, deadline);
        } catch (error) {
          if (performance.now() - startedAt >= START_TIMEOUT_MS) {
            await killStarting?.();
            throw error;
          }
          earlierLog = messageOf(error);
          await delay(RETRY_START_MS);
        }
      }
    },
    kill9: async () => {
      await release()?.kill9();
      await killStarting?.();
    },
    stop: async () => {
      const ending = release();
      if (!ending) throw new Error(`${name} is not running`);
      return ending.stop();
    },
    freeze: () => void process.kill(current!.pid, 'SIGSTOP'),
    thaw: () => void (current && process.kill(current.pid, 'SIGCONT')),
    pid: () => current!.pid,
    log,
  };
}
