import { messageOf } from '../../shared/errors';
import type { Log } from '../../shared/log';

interface Repeated {
  /** Runs it at once, too. */
  run: () => void;
  stop: () => void;
}

/** Runs `work` again and again, one run at a time; a failed run is logged and the next one goes on. */
export function repeat(everyMs: number, what: string, log: Log, work: () => Promise<unknown>): Repeated {
  let running = false;
  const run = (): void => {
    if (running) return;
    running = true;
    work()
      .catch((error: unknown) => log.warn({ err: messageOf(error) }, `${what} failed; it will run again`))
      .finally(() => {
        running = false;
      });
  };
  const timer = setInterval(run, everyMs);
  return { run, stop: () => clearInterval(timer) };
}
