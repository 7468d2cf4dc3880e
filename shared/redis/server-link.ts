import { randomUUID } from 'node:crypto';
import type { Telemetry } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { redactUrl } from '../config/redact-url';
import { messageOf } from '../errors';
import type { Log } from '../log';
import type { RedisEndpoint } from '../config/redis-url';
import type { LinkRole, RedisLink } from './link';
import { createReadiness, errorLogger, forgetSocketTimeout, optionsFor, retryDelayMs } from './link-options';
import { agreeOnToken, epochOf, readServerIdentity } from './server-identity';

/**
 * Errors from a server that does not accept writes, such as a former primary after a failover or one whose replicas have
 * left it (NOREPLICAS, with `min-replicas-to-write`).
 */
const NOT_PRIMARY = /READONLY|LOADING|MASTERDOWN|NOREPLICAS/;

/** How often to check the identity of the connected server. */
const IDENTITY_WATCH_MS = 1_000;

type ServerEndpoint = Exclude<RedisEndpoint, { layout: 'cluster' }>;

/** Returns a client for a server or for the primary that Sentinels name. It leaves a server that rejects writes. */
function createClient(endpoint: ServerEndpoint, role: LinkRole): Redis {
  const options: RedisOptions = {
    ...optionsFor(role),
    retryStrategy: retryDelayMs,
    reconnectOnError: ({ message }) => NOT_PRIMARY.test(message),
  };
  if (endpoint.layout === 'server') return new Redis(endpoint.url, options);
  const { sentinels, name, db, username, password, sentinelPassword, tls } = endpoint;
  return new Redis({
    ...options,
    sentinels,
    name,
    db,
    sentinelRetryStrategy: retryDelayMs,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(sentinelPassword === null ? {} : { sentinelPassword }),
    ...(tls ? { tls: {}, enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  });
}

/** Connects to a server, or to the primary that Sentinels name. */
export function connectServer(endpoint: ServerEndpoint, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const client = createClient(endpoint, role);
  // BullMQ sends blocking commands on a duplicate connection and monitors that connection itself, so a late reply there
  // is not an error.
  client.duplicate = (override) => Redis.prototype.duplicate.call(client, { ...override, socketTimeout: undefined });
  const epochKey = role.kind === 'request' ? role.epochKey : undefined;
  let known: { runId: string; serverId: string; epoch: string; token: string } | null = null;
  let lastServerId: string | null = null;
  let connection = 0;
  let identifying = -1;
  const name = endpoint.layout === 'server' ? redactUrl(endpoint.url) : `Sentinel's ${endpoint.name}`;
  const readiness = createReadiness(() => known !== null, name);
  client.on('error', errorLogger(log, role, readiness.noteError));
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
    readiness.nowReady();
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
    layout: endpoint.layout,
    client,
    primaries: () => [client],
    servers: () => [client],
    primaryOf: () => client,
    bullmq: { connection: client, ...(telemetry ? { telemetry } : {}) },
    runId: () => known?.runId ?? null,
    serverId: () => known?.serverId ?? null,
    epoch: () => known?.epoch ?? null,
    whenReady: readiness.whenReady,
    close: async () => {
      clearInterval(identityWatch);
      await client.quit().catch(() => client.disconnect());
    },
  };
}
