import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';

interface Repeated {
  /** Starts a run now, unless one is in progress. */
  run: () => void;
  stop: () => void;
}

/** Runs `work` at an interval, one run at a time. Logs a failed run and continues with the next run. */
export function repeat(everyMs: number, what: string, log: Log, work: () => Promise<unknown>): Repeated {
  let running = false;
  const run = (): void => {
    if (running) return;
    running = true;
    work()
      .catch((error: unknown) => log.warn({ err: messageOf(error) }, `${what} failed, retrying`))
      .finally(() => {
        running = false;
      });
  };
  const timer = setInterval(run, everyMs);
  return { run, stop: () => clearInterval(timer) };
}
