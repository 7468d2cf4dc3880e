import type { Connection } from 'mongoose';

/** When the newest backup began. A row of the `meta` collection. */
interface BackupTimeDoc {
  _id: 'backup';
  at: Date;
}

export function backupTimes(connection: Connection) {
  const collection = connection.collection<BackupTimeDoc>('meta');
  return {
    /** Records a backup. Does not replace the time of a newer one. */
    async record(at: Date): Promise<void> {
      await collection.updateOne({ _id: 'backup' }, { $max: { at } }, { upsert: true });
    },

    /** Returns when the newest backup began, or null if none was recorded. */
    async latest(): Promise<Date | null> {
      return (await collection.findOne({ _id: 'backup' }))?.at ?? null;
    },
  };
}
