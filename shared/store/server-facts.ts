import { randomUUID } from 'node:crypto';
import type { Connection } from 'mongoose';
import { withDeadline } from '../concurrency/deadline';
import { storeTooSlow } from './errors';

const TIMEOUT_MS = 5_000;

/** What a MongoDB server says of itself. */
export interface ServerFacts {
  version: string;
  replicaSet: string | null;
  isWritable: boolean;
  /** The server's clock when it answered, and this machine's just before and after. */
  clock: { atMs: number; sentMs: number; receivedMs: number };
  /** Null: the server does not tell. */
  transactionLifetimeSeconds: number | null;
}

/** Asks the server for its version, role and clock. */
export async function serverFacts(connection: Connection): Promise<ServerFacts> {
  const admin = connection.getClient().db('admin');
  const ask = async (command: Record<string, unknown>): Promise<Record<string, unknown>> =>
    withDeadline(admin.command(command), TIMEOUT_MS, () => storeTooSlow('examination', TIMEOUT_MS));
  const { version } = await ask({ buildInfo: 1 });
  const sentMs = Date.now();
  const hello = await ask({ hello: 1 });
  const receivedMs = Date.now();
  const lifetime = await ask({ getParameter: 1, transactionLifetimeLimitSeconds: 1 }).catch(
    (): Record<string, unknown> => ({}),
  );
  const seconds = lifetime['transactionLifetimeLimitSeconds'];
  return {
    version: String(version),
    replicaSet: typeof hello['setName'] === 'string' ? hello['setName'] : null,
    isWritable: hello['isWritablePrimary'] === true,
    clock: { atMs: (hello['localTime'] as Date).getTime(), sentMs, receivedMs },
    transactionLifetimeSeconds: typeof seconds === 'number' ? seconds : null,
  };
}

/**
 * Tries what MIR stands on: of an aborted transaction nothing is left, a committed one is there whole. Leaves no row.
 * Throws when it is otherwise.
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
    if (!(await rows.findOne({ _id: committed }))) throw new Error('a committed transaction is not there');
  } finally {
    await session.endSession().catch(() => undefined);
    await rows.deleteMany({ _id: { $in: [aborted, committed] } }).catch(() => undefined);
  }
}
