import type { Connection } from 'mongoose';
import type { MetaDoc } from './meta';

/**
 * How long processes of the previous version may run alongside the first API process of this one. They do not know
 * keyed ids, so new events keep former ids until then, and workers of both versions recognize repeats.
 */
const ROLLOUT_MS = 60 * 60 * 1000;

/**
 * Returns when new events switch to keyed ids, in ms since epoch; 0 if the database never contained former ids. In a
 * database of an earlier version, the first call sets this time for all processes.
 */
export async function keyedIdsFrom(connection: Connection): Promise<number> {
  const meta = connection.collection<MetaDoc>('meta');
  await meta.updateOne(
    { _id: 'store', keyedIdsFrom: { $exists: false } },
    { $set: { keyedIdsFrom: new Date(Date.now() + ROLLOUT_MS) } },
  );
  const row = await meta.findOne({ _id: 'store' });
  if (!row?.keyedIdsFrom)
    throw new Error('The `meta` collection has no `store` row. Restart MIR, which creates it at startup.');
  return row.keyedIdsFrom.getTime();
}
