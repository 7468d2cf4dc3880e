import mongoose, { type Connection, type mongo } from 'mongoose';
import type { Metrics } from '../metrics/metrics';
import { redactUrl } from '../config/redact-url';
import { watchRouting } from './routing';
import { wakeDrainWaiters } from './wake-drain-waiters';
import { watchPool } from './watch-pool';

/** Writes are not retried after this time. */
export const STORE_TIMEOUT_MS = 5_000;
/**
 * How long an operation waits for the reply of a server that hangs or of a connection that is half-open. The driver then
 * closes the connection, and repeats a retryable operation once. Much longer than any operation takes: lists have a
 * `maxTimeMS`, and large jobs work in pages. Workers may wait longer, because no request waits for them.
 */
export const REPLY_TIMEOUT_MS = { api: 10_000, worker: 30_000 } as const;
const SERVER_SELECTION_TIMEOUT_MS = 3_000;
/** Default size of the connection pool. `maxPoolSize` in MONGO_URL overrides it. */
const MAX_POOL_SIZE = 50;
/**
 * Size of the pool for kills, authorization and signals that are not cached. Slow lists and exports cannot exhaust this
 * pool, because they use the other one.
 */
const MAX_URGENT_POOL_SIZE = 16;
/** How long an operation waits for a free connection, in ms. Afterward, it fails as if MongoDB were down. */
const POOL_WAIT_TIMEOUT_MS = STORE_TIMEOUT_MS;

/**
 * Connects to MongoDB with journaled, retryable majority writes and majority reads from the primary. Throws a single
 * readable error if the server cannot be reached. With `urgent`, opens the small pool for urgent operations. Without
 * `replyTimeoutMs`, operations such as index builds may take any time, as long as the server responds to heartbeats.
 */
export async function connectStore(
  url: string,
  {
    serverSelectionTimeoutMs = SERVER_SELECTION_TIMEOUT_MS,
    metrics,
    urgent = false,
    replyTimeoutMs,
  }: { serverSelectionTimeoutMs?: number; metrics?: Metrics; urgent?: boolean; replyTimeoutMs?: number } = {},
): Promise<Connection> {
  wakeDrainWaiters();
  const poolSize = urgent ? MAX_URGENT_POOL_SIZE : /[?&]maxPoolSize=/i.test(url) ? undefined : MAX_POOL_SIZE;
  const connection = mongoose.createConnection(url, {
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
    ...(poolSize === undefined ? {} : { maxPoolSize: poolSize }),
    waitQueueTimeoutMS: POOL_WAIT_TIMEOUT_MS,
    serverSelectionTimeoutMS: serverSelectionTimeoutMs,
    ...(replyTimeoutMs === undefined ? {} : { socketTimeoutMS: replyTimeoutMs }),
    // These override MONGO_URL. With anything weaker, an election can undo what MIR has acknowledged or read, or make a
    // request fail that the driver could repeat. Not `writeConcern` and `readConcern`, because MONGO_URL overrides them.
    w: 'majority',
    journal: true,
    retryWrites: true,
    readConcernLevel: 'majority',
    readPreference: 'primary',
    retryReads: true,
  });
  // The client exists before the first connection, but is null if the URL is invalid.
  const client = connection.getClient() as mongo.MongoClient | null;
  if (client) watchRouting(client);
  if (client && metrics) watchPool(client, metrics);
  try {
    await connection.asPromise();
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw new Error(`MongoDB at ${redactUrl(url)} cannot be reached: ${(error as Error).message}`, { cause: error });
  }
  return connection;
}
