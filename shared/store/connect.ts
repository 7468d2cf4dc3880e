import mongoose, { type Connection, type mongo } from 'mongoose';
import type { Metrics } from '../metrics/metrics';
import { redactUrl } from '../config/redact-url';
import { watchPool } from './watch-pool';

/** A change is not tried again after this long. What a server that hangs owes ends with the driver's heartbeat. */
export const STORE_TIMEOUT_MS = 5_000;
const SERVER_SELECTION_TIMEOUT_MS = 3_000;
const MAX_POOL_SIZE = 50;

/** Opens MongoDB with majority, journaled writes. Rejects with one readable message when it cannot be reached. */
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
  // There before the first connection is; not there at all when the URL is no URL.
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
