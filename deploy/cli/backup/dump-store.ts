import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Connection, mongo } from 'mongoose';
import type { Manifest, Part } from './manifest';
import { pack } from './packed-file';

const BATCH = 1_000;

type Session = mongo.ClientSession;
interface Moment {
  session: Session;
  consistency: Manifest['consistency'];
  options: mongo.FindOptions;
  end: () => Promise<void>;
}

/** True when reads of the session really stay at one moment: some servers take the option and ignore it. */
async function staysAtOneMoment(
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
 * A moment at which everything is read. Snapshot reads last for the server's minSnapshotHistoryWindowInSeconds (300 s
 * unless raised); where the server has none, one transaction, which lasts for its transactionLifetimeLimitSeconds.
 */
async function oneMoment(connection: Connection): Promise<Moment> {
  const client = connection.getClient();
  const options = { readConcern: { level: 'snapshot' } } as const;
  const session = client.startSession({ snapshot: true });
  const isKept = await staysAtOneMoment(connection, session, options).catch(() => false);
  if (isKept) return { session, consistency: 'SNAPSHOT_READS', options, end: () => session.endSession() };
  await session.endSession();
  const own = client.startSession();
  own.startTransaction({ readConcern: { level: 'snapshot' }, readPreference: 'primary' });
  const end = async (): Promise<void> => {
    await own.abortTransaction().catch(() => undefined);
    await own.endSession();
  };
  return { session: own, consistency: 'TRANSACTION', options: {}, end };
}

/** Writes every collection as it was at one moment, as BSON that `mongorestore --gzip` reads too. */
export async function dumpStore(
  connection: Connection,
  folder: string,
  tell: (line: string) => void,
): Promise<Pick<Manifest, 'collections' | 'consistency'>> {
  const db = connection.db!;
  const listed = await db.listCollections({}, { nameOnly: true }).toArray();
  const names = listed.map(({ name }) => name).filter((name) => !name.startsWith('system.'));
  const { session, consistency, options, end } = await oneMoment(connection);
  const collections: Part[] = [];
  try {
    for (const name of names.toSorted()) {
      const found = db.collection(name).find({}, { ...options, session, raw: true, batchSize: BATCH });
      const file = join(folder, `${name}.bson.gz`);
      collections.push(await pack(file, name, found as unknown as AsyncIterable<Buffer>));
      tell(`${name}: ${collections.at(-1)!.count}`);
    }
  } catch (error) {
    throw new Error(`The store could not be read at one moment: ${(error as Error).message}`, { cause: error });
  } finally {
    await end();
  }
  return { collections, consistency };
}
