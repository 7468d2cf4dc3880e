import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStores, type Stores } from '../../deploy/local/stores';
import { TEST_STORES } from './test-stores';

interface StartedStores {
  pairs: Stores[];
  dataDir: string;
}

declare global {
  // jest loads setup and teardown apart from each other; only the global object is shared.
  var mirTestStores: Promise<StartedStores> | undefined;
}

function onProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function start(count: number): Promise<StartedStores> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mir-test-'));
  const pairs: Stores[] = [];
  try {
    // One after the other: where they come from PyPI, the first one installs them.
    for (let n = 0; n < count; n += 1) {
      pairs.push(await startStores({ dataDir: join(dataDir, String(n)), onProgress }));
    }
  } catch (error) {
    await stop({ pairs, dataDir });
    throw error;
  }
  return { pairs, dataDir };
}

async function stop({ pairs, dataDir }: StartedStores): Promise<void> {
  await Promise.all(pairs.map((stores) => stores.stop()));
  rmSync(dataDir, { recursive: true, force: true });
}

/**
 * Starts a MongoDB and a Redis for each jest worker, or takes those of MONGO_URL and REDIS_URL for all of them. A slow
 * stand-in that serves two test files at once would make each miss its time limits. Runs once, however many projects
 * name it.
 */
export default async function globalSetup({ maxWorkers }: { maxWorkers: number }): Promise<void> {
  globalThis.mirTestStores ??= start(maxWorkers);
  const { pairs } = await globalThis.mirTestStores;
  const urls = pairs.map(({ mongoUrl, redisUrl, mongo }) => ({ mongoUrl, redisUrl, mongo }));
  process.env[TEST_STORES] = JSON.stringify(urls);
}

/** Stops what the setup started and deletes its files. */
export async function stopTestStores(): Promise<void> {
  const started = globalThis.mirTestStores;
  if (started === undefined) return;
  globalThis.mirTestStores = undefined;
  await stop(await started);
}
