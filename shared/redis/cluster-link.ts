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
  };
}

/**
 * Makes a client end for certain, because BullMQ waits for that. ioredis 5.11 sets the status of a client that has ended
 * to `close` when its connections end one after another, and never ends a client that has no connection at the moment.
 */
function endReliably(client: Cluster): Cluster {
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

/** Connects to a Redis Cluster. */
export function connectCluster(endpoint: ClusterEndpoint, role: LinkRole, log: Log, telemetry?: Telemetry): RedisLink {
  const client = endReliably(new Cluster(endpoint.nodes, clusterOptions(endpoint, role)));
  // As in a link to one server: BullMQ monitors its blocking connections itself.
  client.duplicate = (nodes, override: ClusterOptions = {}) =>
    endReliably(
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
