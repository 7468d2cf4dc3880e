import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from '@jest/globals';

/** A maker of folders that are deleted after the test that made them, once `cleanUps` (the last first) have run. */
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

/** The environment without stores of the run's own, so that each test starts its own. */
export function envWithoutStores(): NodeJS.ProcessEnv {
  const { MONGO_URL: _mongo, REDIS_URL: _redis, ...env } = process.env;
  return env;
}
