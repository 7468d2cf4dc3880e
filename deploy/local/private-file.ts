import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { z } from 'zod';
import { codeOf } from './error-facts';

const OWNER_ONLY = 0o600;

/** Writes JSON that only its owner can read; a crash leaves the old file or the new one, never half of it. */
export function writePrivateJson(file: string, value: unknown): void {
  const temporary = `${file}.${randomUUID()}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: OWNER_ONLY });
  renameSync(temporary, file);
}

/** Reads such a file. null: it is not there. Throws when it is there but not what it should be. */
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
    throw new Error(`${file} is damaged: restore it from a copy, or move it away if its content may be lost`);
  }
}
