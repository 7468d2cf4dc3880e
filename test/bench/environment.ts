import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { startStores } from '../../deploy/local/stores';
import { type ApiContext, createApiContext } from '../../api/context';
import { partnerIdOf, tenantOf } from '../../shared/domain/ids';
import { openRuntime } from '../../shared/runtime';
import { currentShards, shardQueues } from '../../shared/queue/event-shards';
import { readConfig } from '../../shared/config/config';
import { insertPartner } from '../support/harness';
import { benchReport, createReporter, type Reporter, reportTable } from './report';

/** Limits that no benchmark reaches. */
export const UNLIMITED = { limits: { eventsPerMinute: 1_000_000_000, requestsPerMinute: 1_000_000_000 } };

/** A database and keyspace of their own, so that benchmarks on external servers do not touch other data. */
const DATABASE = 'mir_bench';
const KEYSPACE = 'bench';

/** Returns a MongoDB URL with another database. Accepts URLs with several hosts. */
export function withDatabase(mongoUrl: string, database: string): string {
  return mongoUrl.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?/, `$1/${database}`);
}

/** Empties the queue and removes its open markers and reservations, so that every round starts in the same state. */
export async function clearQueue({ queues, queueLink, keys }: ApiContext): Promise<void> {
  const shards = currentShards(keys);
  for (const { queue, shard } of shardQueues(shards)) await queues.ofShard(queue, shard).obliterate({ force: true });
  const stale = (
    await Promise.all(shards.map((shard) => queueLink.client.keys(`${keys.reservations(shard)}*`)))
  ).flat();
  const open = await queueLink.client.keys(keys.openChunks(tenantOf(partnerIdOf('*'), 'live')));
  if (stale.length + open.length > 0) await queueLink.client.del(...stale, ...open);
}

/**
 * Starts the stores and creates a partner whose rate limits are too high to matter. All benchmark processes share
 * `env`. Deletes the data at the end unless it is in a folder chosen by the caller.
 */
async function openEnvironment(chosenDir: string | null) {
  const dataDir = chosenDir ?? (await mkdtemp(path.join(os.tmpdir(), 'mir-bench-')));
  const stores = await startStores({
    dataDir,
    redisArgs: ['--maxmemory', '8gb'],
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  const env: Record<string, string> = {
    NODE_ENV: 'test',
    MONGO_URL: withDatabase(stores.mongoUrl, DATABASE),
    REDIS_URL: stores.redisUrl,
    KEYSPACE,
    SUBJECT_PEPPER: 'bench-pepper-0123456789abcdef0123456789',
    LOG_LEVEL: 'error',
    // High, because no worker empties the queue while submission is measured.
    MAX_QUEUED_BYTES: String(4 * 1024 ** 3),
    // The receivers of kills run on this machine.
    WEBHOOKS_TO_PRIVATE_ADDRESSES: 'true',
    PORT: '0',
    METRICS_PORT: '0',
    WORKER_PORT: '0',
  };
  const ctx = await createApiContext(await openRuntime(readConfig(env), 'api'));
  const partner = await insertPartner(ctx.store, UNLIMITED);
  return {
    env,
    ctx,
    partner,
    stores,
    clearQueue: () => clearQueue(ctx),
    async close(): Promise<void> {
      await ctx.close();
      await stores.stop();
      if (chosenDir === null) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type BenchEnvironment = Awaited<ReturnType<typeof openEnvironment>>;

interface Run {
  /** Name of the npm script. */
  name: string;
  options: { selected: ReadonlySet<string>; json: boolean; [setting: string]: unknown };
  /** Folder of the stores. Defaults to a temporary folder. */
  dataDir?: string;
}

/**
 * Runs a benchmark in its own environment, prints its results as a table or as JSON, and exits the process: with status
 * 1 if a figure missed its limit.
 */
export function runBench(
  { name, options, dataDir }: Run,
  bench: (environment: BenchEnvironment, reporter: Reporter) => Promise<void>,
): void {
  const reporter = createReporter();
  const run = async (): Promise<boolean> => {
    const environment = await openEnvironment(dataDir ?? null);
    const { mongo, redis } = environment.stores;
    try {
      await bench(environment, reporter);
    } finally {
      await environment.close();
    }
    const { selected, json, ...settings } = options;
    const results = reporter.results();
    const shown = selected.size > 0 ? { ...settings, only: [...selected].join(',') } : settings;
    const report = benchReport({ bench: name, stores: { mongo, redis }, options: shown, results });
    process.stdout.write(`${json ? JSON.stringify(report, null, 2) : reportTable(report)}\n`);
    return results.every(({ pass }) => pass !== false);
  };
  run().then(
    (passed) => process.exit(passed ? 0 : 1),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
}
