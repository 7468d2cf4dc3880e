import { once } from 'node:events';
import type { Telemetry } from 'bullmq';
import { Cluster, type ClusterOptions, Command, type Redis } from 'ioredis';
import type { Log } from '../log';
import type { ClusterEndpoint } from '../config/redis-url';
import { EPOCH_OF_SERVER, type LinkRole, type RedisLink } from './link';
import { createReadiness, errorLogger, forgetSocketTimeout, optionsFor, retryDelayMs } from './link-options';

/** How often to ask which server has which keys, so that a process that sends nothing notices a failover, too. */
const SLOTS_REFRESH_MS = 1_000;
const SLOTS_REFRESH_TIMEOUT_MS = 2_000;
/** Pause before a worker resends a command whose connection was lost. */
const RESEND_DELAY_MS = 100;
/** Pause before a worker follows a redirection, because servers that disagree may redirect to each other. */
const MOVED_DELAY_MS = 10;

/** Identifies a cluster in keys that contain a server's run ID. Rows in a cluster contain their server's identity. */
const CLUSTER_RUN_ID = 'cluster';

function clusterOptions({ tls, username, password }: ClusterEndpoint, role: LinkRole): ClusterOptions {
  return {
    redisOptions: {
      ...optionsFor(role),
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      ...(tls ? { tls: {} } : {}),
    },
    // Certificates of managed clusters name hosts, so the names that the cluster announces must not be resolved here.
    ...(tls ? { dnsLookup: (address, callback) => callback(null, address) } : {}),
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    slotsRefreshTimeout: SLOTS_REFRESH_TIMEOUT_MS,
    enableOfflineQueue: role.kind === 'worker',
    // A request is never resent, because the command could then run twice.
    retryDelayOnFailover: role.kind === 'worker' ? RESEND_DELAY_MS : 0,
    // BullMQ would take an error of a command that completes a job for a failure of the job.
    ...(role.kind === 'worker' ? { maxRedirections: Number.MAX_SAFE_INTEGER, retryDelayOnMoved: MOVED_DELAY_MS } : {}),
  };
}

/**
 * Makes a client connect and end for certain, because BullMQ waits for both. In ioredis 5.11, a call of `connect` never
 * returns if the cluster is down at that time, even if the client connects later. A client that has ended gets the
 * status `close` when its connections end one after another, and one that has no connection at the moment never ends.
 */
function connectAndEndReliably(client: Cluster): Cluster {
  client.connect = async () => {
    const stop = new AbortController();
    const closed = once(client, 'close', { signal: stop.signal }).then(() => {
      throw new Error('the Redis Cluster is down');
    });
    await Promise.race([Cluster.prototype.connect.call(client), closed]).finally(() => stop.abort());
  };
  let ended = false;
  client.on('connecting', () => {
    ended = false;
  });
  client.on('end', () => {
    ended = true;
  });
  client.on('close', () => {
    if (ended) client.status = 'end';
  });
  client.disconnect = (reconnect = false) => {
    const hasConnections = client.nodes('all').length > 0;
    Cluster.prototype.disconnect.call(client, reconnect);
    if (reconnect || hasConnections || client.status !== 'disconnecting') return;
    client.status = 'end';
    process.nextTick(() => client.emit('end'));
  };
  return client;
}

/**
 * Makes a client without an offline queue send a transaction to one server, or not at all. ioredis 5.11 may reject the
 * first commands of a transaction, because the server that it picked is still connecting, and pick another one for the
 * rest. The rest is never written, but counted: each later command on that connection would get the reply of another.
 */
function sendTransactionsWhole(client: Cluster): Cluster {
  const rejected = new WeakSet<object>();
  client.sendCommand = (command, stream, target?: { redis?: unknown }) => {
    if (target !== undefined && rejected.has(target)) {
      command.reject(new Error('Connection is closed.'));
      return command.promise;
    }
    const reply: unknown = Cluster.prototype.sendCommand.call(client, command, stream, target);
    if (target !== undefined && target.redis === undefined) rejected.add(target);
    return reply;
  };
  return client;
}

/** Connects to a Redis Cluster. */
export function connectCluster(endpoint: ClusterEndpoint, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const client = connectAndEndReliably(new Cluster(endpoint.nodes, clusterOptions(endpoint, role)));
  if (role.kind === 'request') sendTransactionsWhole(client);
  // As in a link to one server: BullMQ monitors its blocking connections itself.
  client.duplicate = (nodes, override: ClusterOptions = {}) =>
    connectAndEndReliably(
      Cluster.prototype.duplicate.call(client, nodes, {
        ...override,
        redisOptions: { ...client.options.redisOptions, ...override.redisOptions, socketTimeout: undefined },
      }),
    );
  let primariesConnected = false;
  const isReady = (): boolean => primariesConnected && client.status === 'ready';
  const names = endpoint.nodes.map(({ host, port }) => `${host}:${port}`);
  const readiness = createReadiness(isReady, names.join(', '));
  const onError = errorLogger(log, role, readiness.noteError);
  client.on('error', onError);
  client.on('node error', onError);
  // Without an offline queue, ioredis rejects commands to a node while it connects, so connect before the first command.
  const connect = async (node: Redis): Promise<void> => {
    if (node.status === 'wait') await node.connect().catch(() => undefined);
    else if (node.status !== 'ready')
      await new Promise<void>((resolve) => node.once('ready', resolve).once('end', resolve));
  };
  client.on('+node', (node: Redis) => {
    node.on('close', () => forgetSocketTimeout(node));
    // ioredis does not handle the rejection. The command that follows is rejected, too.
    const asking = node.asking.bind(node);
    node.asking = () => asking().catch(() => 'OK');
    if (!node.options.readOnly) void connect(node);
  });
  client.on('ready', () => {
    void Promise.all(client.nodes('master').map(connect)).then(() => {
      primariesConnected = true;
      if (isReady()) readiness.nowReady();
    });
  });
  client.on('close', () => {
    primariesConnected = false;
  });
  const whileReady = <T>(value: T): T | null => (isReady() ? value : null);
  return {
    layout: 'cluster',
    client,
    primaries: () => client.nodes('master'),
    servers: () => client.nodes('all'),
    primaryOf: (key) => {
      const address = client.slots[new Command('get', [key]).getSlot()]?.[0];
      const node = client.nodes('master').find(({ options: { host, port } }) => `${host}:${port}` === address);
      if (node === undefined) throw new Error(`no known primary has the key ${key}`);
      return node;
    },
    bullmq: { connection: client, ...(telemetry ? { telemetry } : {}) },
    runId: () => whileReady(CLUSTER_RUN_ID),
    serverId: () => whileReady(CLUSTER_RUN_ID),
    epoch: () => whileReady(EPOCH_OF_SERVER),
    whenReady: readiness.whenReady,
    close: async () => {
      await client.quit().catch(() => client.disconnect());
    },
  };
}
