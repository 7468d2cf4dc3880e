import type { Connection } from 'mongoose';
import type { MetaDoc } from './meta';

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
