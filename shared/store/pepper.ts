import type { Connection } from 'mongoose';
import type { MetaDoc } from './meta';

/**
 * Records the fingerprint of a new database's pepper. Throws if an existing database was created with a different
 * pepper, because MIR would not recognize its users.
 */
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
    'SUBJECT_PEPPER does not match this database, so MIR would not recognize its users. ' +
      'Restore the original SUBJECT_PEPPER, or set MONGO_URL to an empty database.',
  );
}

/**
 * Compares a pepper's fingerprint with the recorded one. Returns `new` if none is recorded. Does not change anything.
 */
export async function comparePepper(connection: Connection, fingerprint: string): Promise<'same' | 'other' | 'new'> {
  const row = await connection.collection<MetaDoc>('meta').findOne({ _id: 'store' });
  if (!row) return 'new';
  return row.pepperFingerprint === fingerprint ? 'same' : 'other';
}
