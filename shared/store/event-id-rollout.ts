import type { Connection } from 'mongoose';
import type { MetaDoc } from './meta';

/**
 * How long processes of the previous version may run alongside the first API process of this version. Older processes
 * do not recognize keyed IDs. During this time, new events therefore get former IDs, so that workers of both versions
 * recognize repeated events.
 */
const ROLLOUT_MS = 60 * 60 * 1000;

/**
 * Returns the time when new events switch to keyed IDs, in ms since the epoch, or 0 if the database never contained
 * former IDs. In a database created by an earlier version, the first call sets this time for all processes.
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
