import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline as join } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import type { Part } from './manifest';

const OWNER_ONLY = 0o600;

/** Compresses records into a new file. Returns their count, uncompressed size in bytes and hash. */
export async function pack(file: string, name: string, records: AsyncIterable<Buffer>): Promise<Part> {
  const hash = createHash('sha256');
  let count = 0;
  let bytes = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const record of records) {
      hash.update(record);
      count += 1;
      bytes += record.length;
      yield record;
    }
  }
  const target = createWriteStream(file, { flags: 'wx', mode: OWNER_ONLY, flush: true });
  await pipeline(counted(), createGzip(), target);
  return { name, count, bytes, sha256: hash.digest('hex') };
}

/** Returns the uncompressed content of a packed file in pieces of arbitrary size. */
export function unpack(file: string): AsyncIterable<Buffer> {
  // Errors end the iteration. The callback exists only because `pipeline` requires one.
  return join(createReadStream(file), createGunzip(), () => undefined) as AsyncIterable<Buffer>;
}

/** Throws if a file's content does not match the manifest. */
export async function checkPacked(file: string, { name, bytes, sha256 }: Part): Promise<void> {
  const hash = createHash('sha256');
  let found = 0;
  try {
    for await (const piece of unpack(file)) {
      hash.update(piece);
      found += piece.length;
    }
  } catch (error) {
    throw new Error(`Cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  if (found !== bytes || hash.digest('hex') !== sha256)
    throw new Error(`${file} (${name}) is damaged. Use another copy of the backup.`);
}
