import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStores, type Stores } from '../../deploy/local/stores';

interface TestStores {
  stores: Stores;
  dataDir: string;
}

declare global {
  // jest loads setup and teardown apart from each other; only the global object is shared.
  var mirTestStores: TestStores | undefined;
}

function onProgress(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Starts one MongoDB and one Redis for the whole run (or takes those of MONGO_URL and REDIS_URL). */
export default async function globalSetup(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mir-test-'));
  const stores = await startStores({ dataDir, onProgress }).catch((error: unknown) => {
    rmSync(dataDir, { recursive: true, force: true });
    throw error;
  });
  globalThis.mirTestStores = { stores, dataDir };
  process.env['TEST_MONGO_URL'] = stores.mongoUrl;
  process.env['TEST_REDIS_URL'] = stores.redisUrl;
  process.env['TEST_MONGO_SERVER'] = stores.mongo;
}

/** Stops what the setup started and deletes its files. */
export async function stopTestStores(): Promise<void> {
  const started = globalThis.mirTestStores;
  if (started === undefined) return;
  globalThis.mirTestStores = undefined;
  await started.stores.stop();
  rmSync(started.dataDir, { recursive: true, force: true });
}
