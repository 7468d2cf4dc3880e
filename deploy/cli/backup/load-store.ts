import { join } from 'node:path';
import { type Connection, mongo } from 'mongoose';
import type { Part } from './manifest';
import { unpack } from './packed-file';

const MAX_BATCH = 1_000;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const LENGTH_BYTES = 4;
/** Preserves every BSON type instead of converting values to the nearest JavaScript type. */
const EXACT = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const;

/** Splits a dump into documents. Each document starts with its length. */
async function* documentsOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    while (rest.length >= LENGTH_BYTES && rest.length >= rest.readInt32LE(0)) {
      const length = rest.readInt32LE(0);
      yield rest.subarray(0, length);
      rest = rest.subarray(length);
    }
  }
  if (rest.length > 0) throw new Error('the dump ends in the middle of a document');
}

/** Returns the names of all non-empty collections. */
export async function filledCollections(connection: Connection): Promise<string[]> {
  const listed = await connection.db!.listCollections({}, { nameOnly: true }).toArray();
  const filled: string[] = [];
  for (const { name } of listed.filter((one) => !one.name.startsWith('system.'))) {
    if (await connection.db!.collection(name).findOne({}, { projection: { _id: 1 } })) filled.push(name);
  }
  return filled;
}

/** Writes a backup's collections to an empty database. Does not build indexes. */
export async function loadStore(
  connection: Connection,
  folder: string,
  collections: readonly Part[],
  log: (line: string) => void,
): Promise<void> {
  for (const { name, count } of collections) {
    const target = connection.db!.collection(name);
    let batch: mongo.BSON.Document[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await target.insertMany(batch, { ordered: true });
      batch = [];
      bytes = 0;
    };
    for await (const document of documentsOf(unpack(join(folder, `${name}.bson.gz`)))) {
      batch.push(mongo.BSON.deserialize(document, EXACT));
      bytes += document.length;
      if (batch.length === MAX_BATCH || bytes >= MAX_BATCH_BYTES) await flush();
    }
    await flush();
    log(`${name}: ${count}`);
  }
}
