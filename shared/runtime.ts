import { readFileSync } from 'node:fs';
import { type Catalog, createCatalog, customCatalogSchema } from './domain/catalog';
import { deriveSecrets, type Secrets } from './domain/subject';
import { requireLayout } from './redis/require-layout';
import { connectRedis } from './redis/connect';
import type { RedisLink } from './redis/link';
import { type RedisKeys, redisKeys } from './redis/keys';
import { connectStore, REPLY_TIMEOUT_MS } from './store/connect';
import { DATA_MIGRATIONS } from './store/migrations';
import { createStore, type Store } from './store/store';
import type { Config } from './config/config';
import { createLog, type Log } from './log';
import { createMetrics, type Metrics } from './metrics/metrics';
import { createTracing } from './tracing/create-tracing';
import type { Tracing } from './tracing/tracing';
import { watchPing } from './metrics/watch-ping';
import { createSigner, type Signer } from './signing/signer';

const REDIS_READY_TIMEOUT_MS = 10_000;
const STORE_PING_TIMEOUT_MS = 1_500;

/** Pings every primary. Rejects if there is none. */
async function pingAll(link: RedisLink): Promise<void> {
  const primaries = link.primaries();
  if (primaries.length === 0) throw new Error('no server of the cluster is known');
  await Promise.all(primaries.map((primary) => primary.ping()));
}

/** Everything that both the API and the workers need: settings, log, metrics and connections. */
export interface Runtime {
  config: Config;
  log: Log;
  metrics: Metrics;
  tracing: Tracing;
  keys: RedisKeys;
  secrets: Secrets;
  catalog: Catalog;
  store: Store;
  /** Signs kill reports and pushes to receivers. */
  signer: Signer;
  /** Redis for queues and security state. Commands fail fast. */
  queueLink: RedisLink;
  /** Redis for cached signals. Commands fail fast. */
  cacheLink: RedisLink;
  close(): Promise<void>;
}

/** Returns the event catalog, including the types in the operator's CATALOG_FILE. Throws if that file is invalid. */
export function readCatalog(file: string | null): Catalog {
  if (file === null) return createCatalog();
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`Cannot read CATALOG_FILE ${file} as JSON: ${(error as Error).message}`, { cause: error });
  }
  const parsed = customCatalogSchema.safeParse(json);
  if (parsed.success) return createCatalog(parsed.data);
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new Error(`CATALOG_FILE ${file} is not a valid catalog: ${problems}`);
}

/**
 * Connects to MongoDB and Redis and verifies the pepper. Builds indexes, except in production, where an unplanned build
 * could stall a large database. In production, throws if migrations are pending. `mir migrate apply` applies them.
 */
export async function openRuntime(config: Config, service: 'api' | 'worker'): Promise<Runtime> {
  const log = createLog(config.logLevel, service);
  const catalog = readCatalog(config.catalogFile);
  const metrics = createMetrics(service);
  const tracing = createTracing(config.tracing, service, log);
  const secrets = deriveSecrets(config.subjectPepper);
  const keys = redisKeys(config.keyspace, config.eventQueueShards);
  const requests = { kind: 'request', timeoutMs: config.redisTimeoutMs, epochKey: keys.epochToken() } as const;
  const queueLink = connectRedis(config.redisUrl, requests, log, tracing.telemetry);
  const cacheLink = connectRedis(config.cacheRedisUrl, requests, log);
  const { redisPingSeconds: seconds, redisPingFailures: failures } = metrics;
  const stopWatching = [
    watchPing(() => pingAll(queueLink), { seconds: seconds.queue, failures: failures.queue }),
    watchPing(() => pingAll(cacheLink), { seconds: seconds.cache, failures: failures.cache }),
  ];
  const closeLinks = (): Promise<unknown> => {
    stopWatching.forEach((stop) => stop());
    return Promise.all([queueLink.close(), cacheLink.close()]);
  };
  const storeOptions = { metrics, replyTimeoutMs: REPLY_TIMEOUT_MS[service] };
  const connecting = connectStore(config.mongoUrl, storeOptions);
  const connectingUrgent = service === 'api' ? connectStore(config.mongoUrl, { ...storeOptions, urgent: true }) : null;
  try {
    const [connection, urgentConnection] = await Promise.all([
      connecting,
      connectingUrgent,
      queueLink.whenReady(REDIS_READY_TIMEOUT_MS).then(() => requireLayout(queueLink, 'Set REDIS_CLUSTER=true.')),
      cacheLink
        .whenReady(REDIS_READY_TIMEOUT_MS)
        .then(() => requireLayout(cacheLink, 'Start CACHE_REDIS_URL with redis+cluster://.')),
    ]);
    const store = createStore(connection, DATA_MIGRATIONS, urgentConnection);
    try {
      await (config.production ? store.assertMigrated(secrets.fingerprint) : store.prepare(secrets.fingerprint));
    } catch (error) {
      await store.close();
      throw error;
    }
    const pingStore = (): Promise<void> => store.ping(STORE_PING_TIMEOUT_MS);
    stopWatching.push(watchPing(pingStore, { seconds: metrics.mongoPingSeconds, failures: metrics.mongoPingFailures }));
    return {
      config,
      log,
      metrics,
      tracing,
      keys,
      secrets,
      catalog,
      store,
      signer: createSigner({ store, secrets }),
      queueLink,
      cacheLink,
      close: async () => {
        await closeLinks();
        await store.close();
        await tracing.stop();
      },
    };
  } catch (error) {
    await closeLinks();
    await tracing.stop();
    // Any connection that is open would otherwise keep the process alive.
    for (const opened of [connecting, connectingUrgent]) {
      await opened?.then((connection) => connection.close()).catch(() => undefined);
    }
    throw error;
  }
}
