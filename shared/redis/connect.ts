import { randomUUID } from 'node:crypto';
import type { Telemetry } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '../log';
import { messageOf } from '../errors';
import { redactUrl } from '../config/redact-url';
import { agreeOnToken, epochOf, readServerIdentity } from './server-identity';

/** A connection that has waited this long for a reply is considered half-open and is replaced. */
const SOCKET_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1_000;
const ERROR_LOG_EVERY_MS = 5_000;
/**
 * Errors from a server that does not accept writes, such as a former primary after a failover or one whose replicas have
 * left it (NOREPLICAS, with `min-replicas-to-write`).
 */
const NOT_PRIMARY = /READONLY|LOADING|MASTERDOWN|NOREPLICAS/;

/** How often to check the identity of the connected server. */
const IDENTITY_WATCH_MS = 1_000;

/**
 * Behavior of a connection. `timeoutMs` limits each command. `epochKey` is the Redis key that processes use to agree on
 * the server's epoch. Without it, the epoch is derived from the server's identity alone, and nothing is written.
 */
export type LinkRole = { kind: 'request'; timeoutMs: number; epochKey?: string } | { kind: 'worker' };

/** A Redis connection that tracks the identity of its server. */
export interface RedisLink {
  client: Redis;
  /** Options for BullMQ's queues and workers. */
  bullmq: { connection: Redis; telemetry?: Telemetry };
  /**
   * The server's run ID. Null while disconnected, and while the server behind a new connection has not yet been
   * identified.
   */
  runId(): string | null;
  /** The server's `run_id` and `master_replid`. Null whenever `runId()` is null. */
  serverId(): string | null;
  /**
   * The server's epoch. Null whenever `runId()` is null. Cached rows are valid only in the epoch in which they were
   * written. A new epoch begins after a restart, after a failover, and when a process reconnects after using another
   * server, because in the meantime, that process may have changed data that is cached on this server. Other processes
   * notice the new epoch within a second, so rows must be safe to use while two epochs are in use.
   */
  epoch(): string | null;
  /** Resolves once the server is identified. Rejects after `timeoutMs`. */
  whenReady(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
}

const retryStrategy = (times: number): number => Math.min(RETRY_FIRST_MS * 2 ** Math.min(times, 10), RETRY_MAX_MS);

/**
 * Returns ioredis options. A `request` connection fails fast: it has no offline queue, and it never resends a command,
 * because the command could then run twice. A `worker` connection waits for the server to return, as BullMQ workers
 * require. Both kinds disconnect from a server that no longer accepts writes.
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

/** Opens a connection that reconnects indefinitely and logs at most one error every 5 s. */
export function connectRedis(url: string, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const client = new Redis(url, optionsFor(role));
  // BullMQ sends blocking commands on a duplicate connection and monitors that connection itself, so a late reply there
  // is not an error.
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
    log.warn({ err: error.message, role: role.kind }, 'Redis connection error');
  });
  client.on('close', () => {
    known = null;
    connection += 1;
    forgetSocketTimeout(client);
  });
  /**
   * Identifies the server. Reconnects if the identity has changed since the connection was opened, because other
   * processes may already use a new primary.
   */
  const identify = async (isNew: boolean): Promise<void> => {
    const current = connection;
    const identity = await readServerIdentity(client);
    const { runId, serverId, isReplica } = identity;
    if (current !== connection) return;
    if (isReplica || (known !== null && known.serverId !== serverId)) {
      // The host name may resolve to a replica until the failover completes. The identity watch retries every second.
      if (isNew) return;
      const reason = isReplica ? 'Redis server is a replica' : 'Redis replication id changed';
      log.warn({ role: role.kind }, `${reason}, reconnecting`);
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
    // Compares connection numbers instead of using a flag, because a check on a lost connection may still be waiting
    // for its timeout.
    if (client.status !== 'ready' || identifying === connection) return;
    const current = (identifying = connection);
    try {
      await identify(isNew);
    } catch (error) {
      if (known === null && current === connection) {
        log.warn({ err: messageOf(error), role: role.kind }, 'identifying the Redis server failed, retrying');
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
          reject(new Error(`Redis at ${redactUrl(url)} did not respond within ${timeoutMs} ms`));
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
 * Clears the socket timer, which ioredis 5.11 leaks when a connection closes while a reply is pending. The timer would
 * close the next, healthy connection and keep the process alive.
 */
function forgetSocketTimeout(client: Redis): void {
  const timed = client as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined };
  clearTimeout(timed.socketTimeoutTimer);
  timed.socketTimeoutTimer = undefined;
}
