import type { ClientSession, Connection } from 'mongoose';

/** A position among the expiration times of all keys: the keys up to it have been announced. */
export interface ExpiryPosition {
  at: Date;
  /** The hash of the last key, if further keys may expire at the same time. Empty otherwise. */
  hash: string;
}

type ExpiryNotice = 'week' | 'day';
type CursorDoc = ExpiryPosition & { _id: `key-expiry-${ExpiryNotice}` };

/** How far each notice of expiring keys has been sent. Rows of the `meta` collection. */
export function expiryCursors(connection: Connection) {
  const collection = connection.collection<CursorDoc>('meta');
  return {
    async get(notice: ExpiryNotice, session: ClientSession): Promise<ExpiryPosition | null> {
      return collection.findOne({ _id: `key-expiry-${notice}` }, { session });
    },

    async set(notice: ExpiryNotice, { at, hash }: ExpiryPosition, session: ClientSession): Promise<void> {
      await collection.updateOne({ _id: `key-expiry-${notice}` }, { $set: { at, hash } }, { upsert: true, session });
    },
  };
}
