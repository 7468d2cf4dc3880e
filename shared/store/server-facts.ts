import { randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';
import { withDeadline } from '../concurrency/deadline';
import { storeTooSlow } from './errors';

const TIMEOUT_MS = 5_000;

/** What a MongoDB server reports about itself. */
export interface ServerFacts {
  version: string;
  /** True if the server is a mongos, which routes commands to the shards of a cluster. */
  isMongos: boolean;
  replicaSet: string | null;
  isWritable: boolean;
  /** The server's clock, and this machine's clock just before and after reading it. */
  clock: { atMs: number; sentMs: number; receivedMs: number };
  /** Null if the server does not report this setting. */
  transactionLifetimeSeconds: number | null;
}

/** Reads the server's version, role and clock. */
export async function serverFacts(connection: Connection): Promise<ServerFacts> {
  const admin = connection.getClient().db('admin');
  const run = async (command: Record<string, unknown>): Promise<Record<string, unknown>> =>
    withDeadline(admin.command(command), TIMEOUT_MS, () => storeTooSlow('reading server facts', TIMEOUT_MS));
  const { version } = await run({ buildInfo: 1 });
  const sentMs = Date.now();
  const hello = await run({ hello: 1 });
  const receivedMs = Date.now();
  const lifetime = await run({ getParameter: 1, transactionLifetimeLimitSeconds: 1 }).catch(
    (): Record<string, unknown> => ({}),
  );
  const seconds = lifetime['transactionLifetimeLimitSeconds'];
  return {
    version: String(version),
    isMongos: hello['msg'] === 'isdbgrid',
    replicaSet: typeof hello['setName'] === 'string' ? hello['setName'] : null,
    isWritable: hello['isWritablePrimary'] === true,
    clock: { atMs: (hello['localTime'] as Date).getTime(), sentMs, receivedMs },
    transactionLifetimeSeconds: typeof seconds === 'number' ? seconds : null,
  };
}

/**
 * Throws unless the writes of an aborted transaction are discarded and the writes of a committed transaction are
 * visible. Deletes its test rows.
 */
export async function tryTransactions(connection: Connection): Promise<void> {
  const rows = connection.collection<{ _id: string }>('meta');
  const [aborted, committed] = [`doctor-${randomUUID()}`, `doctor-${randomUUID()}`];
  const session = await connection.startSession();
  try {
    session.startTransaction({ writeConcern: { w: 'majority', journal: true } });
    await rows.insertOne({ _id: aborted }, { session });
    await session.abortTransaction();
    if (await rows.findOne({ _id: aborted })) throw new Error('an aborted transaction left its row behind');
    await session.withTransaction(async () => void (await rows.insertOne({ _id: committed }, { session })));
    if (!(await rows.findOne({ _id: committed }))) throw new Error('the row of a committed transaction is missing');
  } finally {
    await session.endSession().catch(() => undefined);
    await rows.deleteMany({ _id: { $in: [aborted, committed] } }).catch(() => undefined);
  }
}
