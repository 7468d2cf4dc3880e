import mongoose, { type Connection, type mongo } from 'mongoose';
import type { Metrics } from '../metrics/metrics';
import { redactUrl } from '../config/redact-url';
import { watchPool } from './watch-pool';

/** Writes are not retried after this time. If the server hangs, the driver's heartbeat ends pending operations. */
export const STORE_TIMEOUT_MS = 5_000;
const SERVER_SELECTION_TIMEOUT_MS = 3_000;
const MAX_POOL_SIZE = 50;

/**
 * Connects to MongoDB with journaled majority writes. Throws a single readable error if the server cannot be reached.
 */
export async function connectStore(
  url: string,
  {
    serverSelectionTimeoutMs = SERVER_SELECTION_TIMEOUT_MS,
    metrics,
  }: { serverSelectionTimeoutMs?: number; metrics?: Metrics } = {},
): Promise<Connection> {
  const connection = mongoose.createConnection(url, {
    autoIndex: false,
    autoCreate: false,
    bufferCommands: false,
    maxPoolSize: MAX_POOL_SIZE,
    serverSelectionTimeoutMS: serverSelectionTimeoutMs,
    writeConcern: { w: 'majority', journal: true },
    readConcern: { level: 'majority' },
    readPreference: 'primary',
  });
  // The client exists before the first connection, but is null if the URL is invalid.
  const client = connection.getClient() as mongo.MongoClient | null;
  if (client && metrics) watchPool(client, metrics);
  try {
    await connection.asPromise();
  } catch (error) {
    await connection.close().catch(() => undefined);
    throw new Error(`MongoDB at ${redactUrl(url)} cannot be reached: ${(error as Error).message}`, { cause: error });
  }
  return connection;
}
