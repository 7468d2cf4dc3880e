import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { projectRoot } from '../../shared/project';

/** Returns the folder in which downloaded servers and generated scripts are kept between runs. */
export function storesCacheDir(): string {
  return join(projectRoot(), '.cache', 'stores');
}

/** Returns the first executable with this name on PATH, or null if there is none. */
export function findOnPath(name: string, env: NodeJS.ProcessEnv): string | null {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
