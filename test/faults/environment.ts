import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { type ApiContext, createApiContext } from '../../api/context';
import { readConfig } from '../../shared/config/config';
import { openRuntime } from '../../shared/runtime';
import { follow, REPLICATED, SYNC_AT_ONCE } from '../support/failover';
import { type OpenedStore, openOwnMongo, openOwnRedis } from '../support/own-store';
import { openTcpProxy, type TcpProxy } from '../support/open-tcp-proxy';
import { openRedisCluster, type RedisCluster } from '../support/redis-cluster';
import { type ViewedMir, viewQueue } from '../support/queue-view';
import { findFaketime, shiftedServer } from './clock';
import { type Disk, openDisk } from './disk';
import { type Supervised, supervise } from './supervised';

const MIB = 1024 * 1024;
/** Sizes of the stores' disks, which are sparse files. */
const REDIS_DISK_BYTES = 12 * 1024 * MIB;
const MONGO_DISK_BYTES = 48 * 1024 * MIB;
export const MAX_MEMORY_BYTES = 1024 * MIB;
/** Shards of the event queues on a cluster. */
const CLUSTER_SHARDS = 4;
const APIS = 2;
const WORKERS = 2;

/** The setting with which MIR accepts events only once a replica has them. */
const REPLICATED_MODE = 'replicated';

/** Returns the options of the queue Redis. */
export function redisArgs(durability: string): string[] {
  // Valkey's WAITAOF is correct only with `appendfsync always`.
  const modes: Record<string, readonly string[]> = {
    everysec: SYNC_AT_ONCE,
    fsync: REPLICATED,
    replicated: REPLICATED,
  };
  return ['--maxmemory', String(MAX_MEMORY_BYTES), ...(modes[durability] ?? [])];
}

/** A store and the proxy between it and MIR's processes. */
export interface ProxiedStore {
  server: OpenedStore;
  proxy: TcpProxy;
  /** Null if the store has no disk of its own, with the reason in `noDisk`. */
  disk: Disk | null;
  noDisk: string;
}

export interface FaultEnvironment {
  folder: string;
  /** QUEUE_DURABILITY. */
  durability: string;
  env: Record<string, string>;
  /** The queue's Redis Cluster, or null if it is one server. */
  cluster: RedisCluster | null;
  /** The queue Redis. With a cluster, a server that MIR does not use. */
  redis: ProxiedStore;
  /** The replica of the queue Redis. Null unless MIR waits for a replica. */
  replica: OpenedStore | null;
  /** The cache's Redis. */
  cache: ProxiedStore;
  mongo: ProxiedStore;
  apis: Supervised[];
  workers: Supervised[];
  processes: Supervised[];
  /** An API in this process, for the tests' own work. It uses the proxies, like MIR's processes. */
  ctx: ApiContext;
  view: ReturnType<typeof viewQueue>;
  /** Runs commands on the queue Redis, or on the cache's, without a proxy. */
  onRedis: <T>(work: (redis: Redis) => Promise<T>, store?: Pick<ProxiedStore, 'server'>) => Promise<T>;
  /** Starts Redis under a clock that `setOffset` shifts, or with the real clock. Takes effect at its next restart. */
  shiftRedisClock(offsetFile: string | null): void;
  close(): Promise<void>;
}

interface Options {
  durability: string;
  /** Whether the queue Redis is a Redis Cluster. */
  onCluster: boolean;
  /** Whether the stores get disks of their own, which faults can fill. */
  disks: boolean;
  onExit: (what: string) => void;
}

/** Starts the stores, the proxies and MIR's processes. */
export async function openFaultEnvironment(options: Options): Promise<FaultEnvironment> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mir-faults-'));
  const closing: (() => Promise<unknown> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.toReversed()) await end();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return await open(folder, options, closing, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  folder: string,
  { durability, onCluster, disks, onExit }: Options,
  closing: (() => Promise<unknown> | void)[],
  close: () => Promise<void>,
): Promise<FaultEnvironment> {
  let offsetFile: string | null = null;
  const storeOn = async (
    name: string,
    diskBytes: number | null,
    start: (dataDir: string) => Promise<OpenedStore>,
  ): Promise<ProxiedStore> => {
    const opened = diskBytes === null ? 'only faults of the disk need one' : await openDisk(folder, name, diskBytes);
    const disk = typeof opened === 'string' ? null : opened;
    if (disk) closing.push(() => disk.end());
    const server = await start(path.join(folder, name));
    closing.push(() => server.kill());
    const proxy = await openTcpProxy(server.url);
    closing.push(() => proxy.close());
    return { server, proxy, disk, noDisk: typeof opened === 'string' ? opened : '' };
  };
  const faketime = findFaketime();
  const redisEnv = (): NodeJS.ProcessEnv =>
    offsetFile === null || faketime === null ? process.env : shiftedServer(folder, faketime, offsetFile);
  const redis = await storeOn('redis', disks ? REDIS_DISK_BYTES : null, (dataDir) =>
    openOwnRedis({ dataDir, env: redisEnv, args: redisArgs(durability) }),
  );
  const replica =
    durability === REPLICATED_MODE && !onCluster ? await openOwnRedis({ args: redisArgs(durability) }) : null;
  if (replica) {
    closing.push(() => replica.end());
    await follow(replica, redis.server);
  }
  const cluster = onCluster ? await openRedisCluster(redisArgs(durability)) : null;
  if (cluster) closing.push(() => cluster.end());
  const cache = await storeOn('cache', null, (dataDir) => openOwnRedis({ dataDir, args: ['--appendonly', 'no'] }));
  const mongo = await storeOn('mongo', disks ? MONGO_DISK_BYTES : null, (dataDir) => openOwnMongo({ dataDir }));
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    MONGO_URL: mongo.proxy.url,
    REDIS_URL: cluster?.url ?? redis.proxy.url,
    CACHE_REDIS_URL: cache.proxy.url,
    KEYSPACE: 'faults',
    SUBJECT_PEPPER: 'faults-pepper-0123456789abcdef0123456789',
    ADMIN_TOKEN: 'faults-admin-token-0123456789abcdef0123456789',
    QUEUE_DURABILITY: durability,
    LOG_LEVEL: 'warn',
    EVENT_QUEUE_SHARDS: String(cluster ? CLUSTER_SHARDS : 1),
  };
  const ctx = await createApiContext(await openRuntime(readConfig({ ...env, LOG_LEVEL: 'silent' }), 'api'));
  closing.push(() => ctx.close());
  const viewed: ViewedMir = { ctx, env, atClose: (end) => void closing.push(async () => end()) };
  const processesOf = (program: 'api' | 'worker', count: number): Supervised[] =>
    Array.from({ length: count }, (_, n) => supervise({ name: `${program}-${n + 1}`, program, env }, onExit));
  const apis = processesOf('api', APIS);
  const workers = processesOf('worker', WORKERS);
  const processes = [...apis, ...workers];
  closing.push(() => Promise.all(processes.map((one) => one.kill9())));
  await Promise.all(processes.map((one) => one.start()));
  return {
    folder,
    durability,
    env,
    cluster,
    redis,
    replica,
    cache,
    mongo,
    apis,
    workers,
    processes,
    ctx,
    view: viewQueue(viewed),
    onRedis: async (work, store = redis) => {
      const client = new Redis(store.server.url);
      try {
        return await work(client);
      } finally {
        client.disconnect();
      }
    },
    shiftRedisClock: (file) => {
      offsetFile = file;
    },
    close,
  };
}
