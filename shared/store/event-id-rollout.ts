import type { Connection } from 'mongoose';
import type { MetaDoc } from './meta';

/**
 * How long processes of the previous version may keep running beside the first API of this one. They do not know keyed
 * ids, so the store uses the former ids until then: a worker of either version recognizes a repeat.
 */
const ROLLOUT_MS = 60 * 60 * 1000;

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
