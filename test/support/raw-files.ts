import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the paths of all files in a folder and its subfolders. */
export function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).isFile());
}

/** Returns the files in a folder that contain a text. */
export function filesContaining(dir: string, text: string): string[] {
  return filesIn(dir).filter((path) => readFileSync(path).includes(text));
}
