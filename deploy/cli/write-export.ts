import { open, rm } from 'node:fs/promises';
import { messageOf } from '../../shared/errors';

/** Only the operator who runs the command can read the file. */
const OWNER_ONLY = 0o600;

/**
 * Writes an export to a new file that only its owner can read. Rejects if the file exists, before it reads anything. If
 * the export fails, removes the file, so that nobody mistakes it for a complete one.
 */
export async function writeExport(file: string, read: () => Promise<AsyncIterable<string>>): Promise<void> {
  const created = await open(file, 'wx', OWNER_ONLY).catch((error: unknown) => {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const remedy = exists ? 'the file already exists; choose another name' : messageOf(error);
    throw new Error(`cannot create ${file}: ${remedy}`, { cause: error });
  });
  try {
    for await (const text of await read()) await created.appendFile(text);
    await created.close();
  } catch (error) {
    await created.close();
    await rm(file, { force: true });
    throw error;
  }
}
