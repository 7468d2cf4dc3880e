import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';

/**
 * Returns `tempDir`, which creates a folder, and `afterTest`, which registers a cleanup. After each test, the cleanups
 * run in reverse order, and the folders are deleted.
 */
export function tempDirs(): { tempDir: () => string; afterTest: (cleanUp: () => unknown) => void } {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  });
  const afterTest = (cleanUp: () => unknown): void => void cleanUps.push(cleanUp);
  const tempDir = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'mir-deploy-'));
    afterTest(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  return { tempDir, afterTest };
}

/** Returns the environment without store URLs, so that the tested program starts its own stores. */
export function envWithoutStores(): NodeJS.ProcessEnv {
  const { MONGO_URL: _mongo, REDIS_URL: _redis, ...env } = process.env;
  return env;
}
