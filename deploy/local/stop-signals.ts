const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/**
 * npm forwards a Ctrl-C that the terminal has already sent, so a repeated signal within this time does not count as a
 * second signal.
 */
const SAME_SIGNAL_MS = 500;

export interface StopSignals {
  /** Resolves on the first signal. */
  stop: Promise<void>;
  /** Registers a callback for every later signal. */
  onHurry(callback: () => void): void;
}

/** Listens for SIGINT, SIGTERM and SIGHUP. */
export function listenForStop(): StopSignals {
  let firstAt: number | null = null;
  const hurried: (() => void)[] = [];
  const stop = new Promise<void>((resolve) => {
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        if (firstAt === null) {
          firstAt = Date.now();
          resolve();
        } else if (Date.now() - firstAt > SAME_SIGNAL_MS) {
          for (const callback of hurried) callback();
        }
      });
    }
  });
  return { stop, onHurry: (callback) => void hurried.push(callback) };
}
