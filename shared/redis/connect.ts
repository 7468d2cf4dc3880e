import { randomUUID } from 'node:crypto';
import type { Telemetry } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '../log';
import { messageOf } from '../errors';
import { redactUrl } from '../config/redact-url';
import { agreeOnToken, epochOf, readServerIdentity } from './server-identity';

/** A connection that owes an answer for this long is half-open: it is closed and recreated. */
const SOCKET_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const ERROR_LOG_EVERY_MS = 5_000;
/** What a server says that takes no writes (any more): after a failover it is the former primary, or one that loads. */
const NOT_PRIMARY = /READONLY|LOADING|MASTERDOWN/;

/** How often a connected server is asked who it is. */
const IDENTITY_WATCH_MS = 1_000;

/**
 * How a connection behaves; `timeoutMs` bounds each command of a request. `epochKey` is where processes agree on the
 * server's epoch; without it the epoch is the server's identity alone, and nothing is written.
 */
export type LinkRole = { kind: 'request'; timeoutMs: number; epochKey?: string } | { kind: 'worker' };

/** A Redis connection that knows which server it talks to. */
export interface RedisLink {
  client: Redis;
  /** What a queue or worker over it is made with. */
  bullmq: { connection: Redis; telemetry?: Telemetry };
  /** The server's run id while connected and known, else null. Ends with every lost connection. */
  runId(): string | null;
  /** `run_id` and `master_replid`, known exactly when the run id is. */
  serverId(): string | null;
  /**
   * Cached rows and authority are valid only in the epoch they were written in; known exactly when the run id is. It is
   * a new one after a restart, after a failover, and whenever a process comes from another server: that process may have
   * changed there what this server's rows say. Other processes notice within a second, so rows must stay safe while two
   * epochs are in use side by side.
   */
  epoch(): string | null;
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

/** Opens a connection; it reconnects without limit and logs at most one error line in 5 s. */
export function connectRedis(url: string, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const client = new Redis(url, optionsFor(role));
  // BullMQ blocks on a duplicate, where silence is no fault, and watches over it itself.
  client.duplicate = (override) => Redis.prototype.duplicate.call(client, { ...override, socketTimeout: undefined });
  const epochKey = role.kind === 'request' ? role.epochKey : undefined;
  let known: { runId: string; serverId: string; epoch: string; token: string } | null = null;
  let lastServerId: string | null = null;
  let connection = 0;
  let identifying = -1;
  let lastLoggedAt = 0;
  const waiting = new Set<() => void>();
  client.on('error', (error) => {
    const now = Date.now();
    if (now - lastLoggedAt < ERROR_LOG_EVERY_MS) return;
    lastLoggedAt = now;
    log.warn({ err: error.message, role: role.kind }, 'redis connection trouble');
  });
  client.on('close', () => {
    known = null;
    connection += 1;
    forgetSocketTimeout(client);
  });
  /** Reconnects after a failover under the open connection: others may write elsewhere by now. */
  const identify = async (isNew: boolean): Promise<void> => {
    const current = connection;
    const identity = await readServerIdentity(client);
    const { runId, serverId, isReplica } = identity;
    if (current !== connection) return;
    if (isReplica || (known !== null && known.serverId !== serverId)) {
      // A name may lead to a replica for the whole of a failover; the watch tries again every second.
      if (isNew) return;
      const what = isReplica ? 'the Redis server is a replica' : 'the replication id of the Redis server has changed';
      log.warn({ role: role.kind }, `${what}, reconnecting`);
      return client.disconnect(true);
    }
    let token = '';
    if (epochKey !== undefined) {
      const replace = lastServerId !== null && lastServerId !== serverId;
      token = await agreeOnToken(client, epochKey, known?.token ?? randomUUID(), { replace });
      if (current !== connection) return;
    }
    known = { runId, serverId, epoch: epochOf(identity, token), token };
    lastServerId = serverId;
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  const watchIdentity = async (isNew: boolean): Promise<void> => {
    // While a command waits out a lost connection, the next connection is identified all the same.
    if (client.status !== 'ready' || identifying === connection) return;
    const current = (identifying = connection);
    try {
      await identify(isNew);
    } catch (error) {
      if (known === null && current === connection) {
        log.warn({ err: messageOf(error), role: role.kind }, 'the Redis server could not be identified, retrying');
      }
    } finally {
      if (identifying === current) identifying = -1;
    }
  };
  client.on('ready', () => void watchIdentity(true));
  const identityWatch = setInterval(() => void watchIdentity(false), IDENTITY_WATCH_MS);
  identityWatch.unref();
  return {
    client,
    bullmq: { connection: client, ...(telemetry ? { telemetry } : {}) },
    runId: () => known?.runId ?? null,
    serverId: () => known?.serverId ?? null,
    epoch: () => known?.epoch ?? null,
    whenReady: (timeoutMs) =>
      new Promise((resolve, reject) => {
        if (known !== null) return resolve();
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
      clearInterval(identityWatch);
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
