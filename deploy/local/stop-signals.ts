const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm passes a Ctrl-C on that the terminal has sent already: the same one, not a second. */
const SAME_SIGNAL_MS = 500;

export interface StopSignals {
  /** Resolves at the first request to stop. */
  stop: Promise<void>;
  /** Calls back at every later one. */
  onHurry(callback: () => void): void;
}

/** Listens for Ctrl-C and its kin. */
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
