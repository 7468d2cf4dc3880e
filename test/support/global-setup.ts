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
  // Jest loads setup and teardown separately, so they share only the global object.
  var mirTestStores: Promise<StartedStores> | undefined;
}

function onProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function start(count: number): Promise<StartedStores> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mir-test-'));
  const pairs: Stores[] = [];
  try {
    // Starts the stores sequentially, because the first start may install the stores from PyPI.
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
 * Starts one MongoDB and one Redis per Jest worker, because tests that share slow stores would time out. If MONGO_URL
 * and REDIS_URL are set, all workers use those stores. Does nothing if another project's setup already started stores.
 */
export default async function globalSetup({ maxWorkers }: { maxWorkers: number }): Promise<void> {
  globalThis.mirTestStores ??= start(maxWorkers);
  const { pairs } = await globalThis.mirTestStores;
  const urls = pairs.map(({ mongoUrl, redisUrl, mongo }) => ({ mongoUrl, redisUrl, mongo }));
  process.env[TEST_STORES] = JSON.stringify(urls);
}

/** Stops the stores that the setup started, and deletes their files. */
export async function stopTestStores(): Promise<void> {
  const started = globalThis.mirTestStores;
  if (started === undefined) return;
  globalThis.mirTestStores = undefined;
  await stop(await started);
}
