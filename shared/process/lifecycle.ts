import { SettingsError } from '../config/config';
import { messageOf } from '../errors';

/** What a started process gives back: where it serves, and how it stops without losing anything. */
export interface Running {
  port: number;
  /** Drains and closes; must settle by itself. */
  stop(): Promise<void>;
}

/** Longer than a call to a store that is gone takes to give up; with the default drain below Kubernetes' 30 s. */
export const FORCED_EXIT_SLACK_MS = 8_000;

/**
 * Runs a process: start, tell the parent when it serves, drain on SIGTERM, SIGINT or when the parent is gone, exit.
 * A failed start prints one readable message and exits 1.
 */
export function runProcess(name: string, drainTimeoutMs: () => number, start: () => Promise<Running>): void {
  let running: Promise<Running> | null = null;
  let stopping = false;
  const stop = (why: string): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => {
      process.stderr.write(`${name}: did not drain in time after ${why}; exiting\n`);
      process.exit(1);
    }, drainTimeoutMs() + FORCED_EXIT_SLACK_MS).unref();
    Promise.resolve(running)
      .then((process_) => process_?.stop())
      .then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${name}: ${messageOf(error)}\n`);
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('disconnect', () => stop('the end of its parent'));
  running = start();
  running.then(
    ({ port }) => process.send?.({ type: 'ready', port }),
    (error: unknown) => {
      const text = error instanceof SettingsError ? error.message : `${name} cannot start: ${messageOf(error)}`;
      process.stderr.write(`${text}\n`);
      process.exit(1);
    },
  );
}
