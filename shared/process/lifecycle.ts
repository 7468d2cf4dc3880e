import { SettingsError } from '../config/config';
import { messageOf } from '../errors';

/** A started process. */
export interface Running {
  port: number;
  /** Drains the process within the drain timeout, then closes its connections. */
  stop(): Promise<void>;
}

/**
 * Longer than a call to an unreachable database takes to time out. Together with the default drain timeout, it stays
 * below Kubernetes' default grace period of 30 s.
 */
export const FORCED_EXIT_SLACK_MS = 8_000;

/**
 * Runs a process: starts it, notifies the parent when it is ready, and drains and exits on SIGTERM, on SIGINT or when
 * the parent exits. If the process fails to start, prints one readable message and exits with code 1.
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
  process.on('disconnect', () => stop('its parent exited'));
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
