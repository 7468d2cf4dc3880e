import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startStores } from '../../deploy/local/stores';
import { createApiContext } from '../../api/context';
import { openRuntime } from '../../shared/runtime';
import { readConfig } from '../../shared/config/config';
import { insertPartner } from '../support/harness';

const PARTNERS_LIMIT = 1_000_000_000;

/**
 * Starts the stores and creates a partner whose rate limits are too high to matter. All benchmark processes share
 * `env`.
 */
async function openEnvironment() {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'mir-bench-'));
  const stores = await startStores({
    dataDir,
    redisArgs: ['--maxmemory', '8gb'],
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    MONGO_URL: stores.mongoUrl,
    REDIS_URL: stores.redisUrl,
    SUBJECT_PEPPER: 'bench-pepper-0123456789abcdef0123456789',
    LOG_LEVEL: 'error',
    // High, because no worker empties the queue while submission is measured.
    MAX_QUEUED_BYTES: String(4 * 1024 ** 3),
    PORT: '0',
    METRICS_PORT: '0',
    WORKER_PORT: '0',
  };
  const ctx = await createApiContext(await openRuntime(readConfig(env), 'api'));
  const partner = await insertPartner(ctx.store, {
    limits: { eventsPerMinute: PARTNERS_LIMIT, requestsPerMinute: PARTNERS_LIMIT },
  });
  return {
    env,
    ctx,
    partner,
    stores,
    /**
     * Empties the queue and removes its open markers and reservations, so that every round starts in the same state.
     */
    async clearQueue(): Promise<void> {
      await ctx.queues.events.obliterate({ force: true });
      await ctx.queues['bulk-events'].obliterate({ force: true });
      const stale = await ctx.queueLink.client.keys(`${ctx.keys.reservations()}*`);
      const open = await ctx.queueLink.client.keys('*:open-chunks');
      if (stale.length + open.length > 0) await ctx.queueLink.client.del(...stale, ...open);
    },
    async close(): Promise<void> {
      await ctx.close();
      await stores.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type BenchEnvironment = Awaited<ReturnType<typeof openEnvironment>>;

/** Runs a benchmark in its own environment, then exits the process. */
export function inEnvironment(bench: (environment: BenchEnvironment) => Promise<void>): void {
  const run = async (): Promise<void> => {
    const environment = await openEnvironment();
    try {
      await bench(environment);
    } finally {
      await environment.close();
    }
  };
  run().then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
