import type { Connection } from 'mongoose';

/** The one row that says how a store was made. */
interface MetaDoc {
  _id: 'store';
  pepperFingerprint: string;
  createdAt: Date;
  /** From then on new events are stored under keyed ids. The epoch: the store never held any other. */
  keyedIdsFrom?: Date;
}

/**
 * How long processes of the previous version may keep running beside the first API of this one. They do not know keyed
 * ids, so the store uses the former ids until then: a worker of either version recognizes a repeat.
 */
const ROLLOUT_MS = 60 * 60 * 1000;

/** Remembers the first pepper's fingerprint and refuses any other: with a new pepper every user would be a stranger. */
export async function checkPepper(connection: Connection, fingerprint: string): Promise<void> {
  const meta = connection.collection<MetaDoc>('meta');
  await meta.updateOne(
    { _id: 'store' },
    { $setOnInsert: { pepperFingerprint: fingerprint, createdAt: new Date(), keyedIdsFrom: new Date(0) } },
    { upsert: true },
  );
  const row = await meta.findOne({ _id: 'store' });
  if (row?.pepperFingerprint === fingerprint) return;
  throw new Error(
    'SUBJECT_PEPPER differs from the one this store was made with, so every user in it would be unknown. ' +
      'Start with the old pepper, or give an empty MONGO_URL database.',
  );
}

/** Whether the store was made with this pepper. Changes nothing; `new`: it has not met any. */
export async function comparePepper(connection: Connection, fingerprint: string): Promise<'same' | 'other' | 'new'> {
  const row = await connection.collection<MetaDoc>('meta').findOne({ _id: 'store' });
  if (!row) return 'new';
  return row.pepperFingerprint === fingerprint ? 'same' : 'other';
}

/**
 * Returns the time from which new events are stored under keyed ids; 0 for a store that never held former ids. The first
 * call on a store of an earlier version sets the time, once for all processes.
 */
export async function keyedIdsFrom(connection: Connection): Promise<number> {
  const meta = connection.collection<MetaDoc>('meta');
  await meta.updateOne(
    { _id: 'store', keyedIdsFrom: { $exists: false } },
    { $set: { keyedIdsFrom: new Date(Date.now() + ROLLOUT_MS) } },
  );
  const row = await meta.findOne({ _id: 'store' });
  if (!row?.keyedIdsFrom)
    throw new Error('The collection meta has no row `store`. Start again: the check of the pepper creates it.');
  return row.keyedIdsFrom.getTime();
}
