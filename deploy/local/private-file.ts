import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import { codeOf } from './error-facts';

const OWNER_ONLY = 0o600;

/** Writes JSON atomically to a file that only its owner can read. */
export function writePrivateJson(file: string, value: unknown): void {
  const temporary = `${file}.${randomUUID()}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: OWNER_ONLY });
  renameSync(temporary, file);
}

/** Reads a JSON file. Returns null if the file does not exist. Throws if the content does not match the schema. */
export function readJson<T extends z.ZodType>(file: string, schema: T): z.infer<T> | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${file} is damaged. Restore it from a copy, or delete it if you do not need its content.`);
  }
}
