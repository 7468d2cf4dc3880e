import type { Telemetry } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '../platform/log';
import { messageOf } from '../platform/errors';
import { redactUrl } from '../platform/redact-url';

/** A connection that owes an answer for this long is half-open: it is closed and made anew. */
const SOCKET_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const ERROR_LOG_EVERY_MS = 5_000;
/** What a server says that takes no writes (any more): after a failover it is the former primary, or one that loads. */
const NOT_PRIMARY = /READONLY|LOADING|MASTERDOWN/;

const ROLE_WATCH_MS = 1_000;
const IS_REPLICA = /^role:(?!master)/m;

/** How a connection behaves; `timeoutMs` bounds each command of a request. */
export type LinkRole = { kind: 'request'; timeoutMs: number } | { kind: 'worker' };

/** A Redis connection that knows which server process it talks to. */
export interface RedisLink {
  client: Redis;
  /** What a queue or worker over it is made with. */
  bullmq: { connection: Redis; telemetry?: Telemetry };
  /** The server's run id while connected and known, else null. Ends with every lost connection. */
  runId(): string | null;
  /** Resolves when the server's run id is known. Rejects after `timeoutMs`. */
  whenReady(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const retryStrategy = (times: number): number => Math.min(RETRY_FIRST_MS * 2 ** Math.min(times, 10), RETRY_MAX_MS);

/**
 * `request`: fails fast, never queues offline, never resends (a resent command could act twice).
 * `worker`: waits for the server to come back, as BullMQ workers need.
 * Both leave a server that no longer takes writes, though it keeps their connection.
 */
function optionsFor(role: LinkRole): RedisOptions {
  const common: RedisOptions = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy,
    keepAlive: 10_000,
    socketTimeout: SOCKET_TIMEOUT_MS,
    reconnectOnError: ({ message }) => NOT_PRIMARY.test(message),
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

/** Opens a connection; it reconnects by itself for ever and logs at most one error line in 5 s. */
export function connectRedis(url: string, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const client = new Redis(url, optionsFor(role));
  // BullMQ blocks on a duplicate, where silence is no fault, and watches over it itself.
  client.duplicate = (override) => Redis.prototype.duplicate.call(client, { ...override, socketTimeout: undefined });
  let runId: string | null = null;
  let lastLoggedAt = 0;
  const waiting = new Set<() => void>();
  client.on('error', (error) => {
    const now = Date.now();
    if (now - lastLoggedAt < ERROR_LOG_EVERY_MS) return;
    lastLoggedAt = now;
    log.warn({ err: error.message, role: role.kind }, 'redis connection trouble');
  });
  client.on('close', () => {
    runId = null;
    forgetSocketTimeout(client);
  });
  const askRunId = (): void => {
    client
      .info('server')
      .then((info) => {
        runId = /run_id:([0-9a-f]+)/.exec(info)?.[1]?.slice(0, 12) ?? null;
        if (runId === null) return log.error({ role: role.kind }, 'this Redis tells no run id; MIR cannot work on it');
        for (const resolve of waiting) resolve();
        waiting.clear();
      })
      .catch((error: unknown) => {
        log.warn({ err: messageOf(error) }, 'redis did not tell its run id');
        // Still connected: unless it is asked again, the link would count as away until its next reconnect.
        if (client.status === 'ready') setTimeout(askRunId, RETRY_MAX_MS).unref();
      });
  };
  client.on('ready', askRunId);
  /** Reading alone would never show that others write elsewhere by now. */
  const leaveReplica = async (): Promise<void> => {
    if (runId === null || !IS_REPLICA.test(await client.info('replication'))) return;
    log.warn({ role: role.kind }, 'this Redis has become a replica; connecting anew');
    client.disconnect(true);
  };
  const roleWatch = setInterval(() => void leaveReplica().catch(() => undefined), ROLE_WATCH_MS);
  roleWatch.unref();
  return {
    client,
    bullmq: { connection: client, ...(telemetry ? { telemetry } : {}) },
    runId: () => runId,
    whenReady: (timeoutMs) =>
      new Promise((resolve, reject) => {
        if (runId !== null) return resolve();
        const timer = setTimeout(() => {
          waiting.delete(done);
          reject(new Error(`Redis at ${redactUrl(url)} did not answer within ${timeoutMs} ms`));
        }, timeoutMs);
        const done = (): void => {
          clearTimeout(timer);
          resolve();
        };
        waiting.add(done);
      }),
    close: async () => {
      clearInterval(roleWatch);
      await client.quit().catch(() => client.disconnect());
    },
  };
}

/**
 * ioredis 5.11 leaves the timer of a connection that ended while it owed an answer; it would then cut the next one,
 * which is healthy, and keep the process alive.
 */
function forgetSocketTimeout(client: Redis): void {
  const timed = client as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined };
  clearTimeout(timed.socketTimeoutTimer);
  timed.socketTimeoutTimer = undefined;
}
