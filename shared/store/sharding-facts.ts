import type { Connection, mongo } from 'mongoose';
import { withDeadline } from '../concurrency/deadline';
import { storeTooSlow } from './errors';

const TIMEOUT_MS = 5_000;
/** Code for a command that the user may not run, and for one that a managed cluster does not offer. */
const NOT_ALLOWED = new Set<unknown>([13, 8_000]);

/** A row of `config.collections`, reduced to what MIR reads. */
export interface ConfigCollection {
  /** `<database>.<collection>`. */
  _id: string;
  key: mongo.BSON.Document;
  /** True for a collection that is tracked but not sharded. */
  unsplittable?: boolean;
  /** True for a collection that was dropped. */
  dropped?: boolean;
}

/** Shard keys by collection. */
export type ShardKeysFound = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

/** Returns the shard keys of a database's sharded collections from the rows of `config.collections`. */
export function shardKeysIn(database: string, rows: readonly ConfigCollection[]): ShardKeysFound {
  const prefix = `${database}.`;
  const sharded = rows.filter(
    ({ _id, dropped, unsplittable }) => _id.startsWith(prefix) && dropped !== true && unsplittable !== true,
  );
  return new Map(sharded.map(({ _id, key }) => [_id.slice(prefix.length), key]));
}

/** Reads the shard keys of the connection's database from a mongos. Returns null if the user may not read them. */
export async function readShardKeys(connection: Connection): Promise<ShardKeysFound | null> {
  const { client, database } = { client: connection.getClient(), database: connection.db!.databaseName };
  const rows = client
    .db('config')
    .collection<ConfigCollection>('collections')
    .find({ _id: { $gte: `${database}.`, $lt: `${database}/` } })
    .toArray();
  try {
    const found = await withDeadline(rows, TIMEOUT_MS, () => storeTooSlow('reading shard keys', TIMEOUT_MS));
    return shardKeysIn(database, found);
  } catch (error) {
    if (NOT_ALLOWED.has((error as { code?: unknown }).code)) return null;
    throw error;
  }
}
