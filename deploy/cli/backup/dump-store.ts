import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Connection, mongo } from 'mongoose';
import type { Manifest, Part } from './manifest';
import { pack } from './packed-file';

const BATCH = 1_000;

type Session = mongo.ClientSession;
interface Snapshot {
  session: Session;
  consistency: Manifest['consistency'];
  options: mongo.FindOptions;
  end: () => Promise<void>;
}

/** Returns whether the session really reads from a snapshot. Some servers accept the option but ignore it. */
async function readsFromSnapshot(
  connection: Connection,
  session: Session,
  options: mongo.FindOptions,
): Promise<boolean> {
  const meta = connection.db!.collection<{ _id: string }>('meta');
  const probe = { _id: `backup-${randomUUID()}` };
  await meta
    .find({}, { ...options, session })
    .limit(1)
    .toArray();
  await meta.insertOne(probe);
  try {
    return (await meta.find(probe, { ...options, session }).toArray()).length === 0;
  } finally {
    await meta.deleteOne(probe);
  }
}

/**
 * Opens a consistent view of the whole database. With snapshot reads, the view is available for the server's
 * minSnapshotHistoryWindowInSeconds (300 s by default). On servers that do not support snapshot reads, falls back to a
 * single transaction, which the server aborts after transactionLifetimeLimitSeconds.
 */
async function openSnapshot(connection: Connection): Promise<Snapshot> {
  const client = connection.getClient();
  const options = { readConcern: { level: 'snapshot' } } as const;
  const session = client.startSession({ snapshot: true });
  const isSupported = await readsFromSnapshot(connection, session, options).catch(() => false);
  if (isSupported) return { session, consistency: 'SNAPSHOT_READS', options, end: () => session.endSession() };
  await session.endSession();
  const own = client.startSession();
  own.startTransaction({ readConcern: { level: 'snapshot' }, readPreference: 'primary' });
  const end = async (): Promise<void> => {
    await own.abortTransaction().catch(() => undefined);
    await own.endSession();
  };
  return { session: own, consistency: 'TRANSACTION', options: {}, end };
}

/** Dumps every collection from one consistent snapshot as BSON, which `mongorestore --gzip` can also read. */
export async function dumpStore(
  connection: Connection,
  folder: string,
  log: (line: string) => void,
): Promise<Pick<Manifest, 'collections' | 'consistency'>> {
  const db = connection.db!;
  const listed = await db.listCollections({}, { nameOnly: true }).toArray();
  const names = listed.map(({ name }) => name).filter((name) => !name.startsWith('system.'));
  const { session, consistency, options, end } = await openSnapshot(connection);
  const collections: Part[] = [];
  try {
    for (const name of names.toSorted()) {
      const found = db.collection(name).find({}, { ...options, session, raw: true, batchSize: BATCH });
      const file = join(folder, `${name}.bson.gz`);
      collections.push(await pack(file, name, found as unknown as AsyncIterable<Buffer>));
      log(`${name}: ${collections.at(-1)!.count}`);
    }
  } catch (error) {
    throw new Error(`Could not read a consistent snapshot of the database: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await end();
  }
  return { collections, consistency };
}
