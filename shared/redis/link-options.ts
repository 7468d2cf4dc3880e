import type { RedisOptions } from 'ioredis';
import type { Log } from '../log';
import type { LinkRole } from './link';

/** A connection that has waited this long for a reply is considered half-open and is replaced. */
const SOCKET_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const ERROR_LOG_EVERY_MS = 5_000;

/** Returns the time to wait before a connection attempt. */
export const retryDelayMs = (times: number): number =>
  Math.min(RETRY_FIRST_MS * 2 ** Math.min(times, 10), RETRY_MAX_MS);

/**
 * Returns ioredis options. A `request` connection fails fast: it has no offline queue, and it never resends a command,
 * because the command could then run twice. A `worker` connection waits for the server to return, as BullMQ workers
 * require.
 */
export function optionsFor(role: LinkRole): RedisOptions {
  const common: RedisOptions = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 10_000,
    socketTimeout: SOCKET_TIMEOUT_MS,
  };
  return role.kind === 'worker'
    ? { ...common, maxRetriesPerRequest: null }
    : {
        ...common,
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: 0,
        commandTimeout: role.timeoutMs,
      };
}

/** Returns a handler for connection errors that logs at most one error every 5 s, and passes on every message. */
export function errorLogger(
  log: Log,
  { kind }: LinkRole,
  onMessage: (message: string) => void,
): (error: Error) => void {
  let lastLoggedAt = 0;
  return ({ message }) => {
    onMessage(message);
    const now = Date.now();
    if (now - lastLoggedAt < ERROR_LOG_EVERY_MS) return;
    lastLoggedAt = now;
    log.warn({ err: message, role: kind }, 'Redis connection error');
  };
}

/**
 * Clears the socket timer, which ioredis 5.11 leaks when a connection closes while a reply is pending. The timer would
 * close the next, healthy connection and keep the process alive.
 */
export function forgetSocketTimeout(client: unknown): void {
  const timed = client as { socketTimeoutTimer: NodeJS.Timeout | undefined };
  clearTimeout(timed.socketTimeoutTimer);
  timed.socketTimeoutTimer = undefined;
}

/** Resolves the `whenReady` calls of a link. `what` names the server. */
export function createReadiness(isReady: () => boolean, what: string) {
  const waiting = new Set<() => void>();
  let lastError = '';
  return {
    noteError: (message: string): void => {
      lastError = message;
    },
    nowReady: (): void => {
      for (const resolve of waiting) resolve();
      waiting.clear();
    },
    whenReady: (timeoutMs: number): Promise<void> =>
      new Promise((resolve, reject) => {
        if (isReady()) return resolve();
        const timer = setTimeout(() => {
          waiting.delete(done);
          const cause = lastError === '' ? '' : `: ${lastError}`;
          reject(new Error(`Redis at ${what} did not respond within ${timeoutMs} ms${cause}`));
        }, timeoutMs);
        const done = (): void => {
          clearTimeout(timer);
          resolve();
        };
        waiting.add(done);
      }),
  };
}
