import { randomBytes } from 'node:crypto';
import type { ApiContext } from '../../api/context';
import { type ParsedApiKey, newApiKey, parseApiKey } from '../../shared/domain/api-key';
import { newPartnerTag, partnerIdOf, type PartnerId } from '../../shared/domain/ids';
import { type Runtime, openRuntime } from '../../shared/runtime';
import { readConfig } from '../../shared/config/config';
import { withDeadline } from '../../shared/concurrency/deadline';
import type { PartnerDoc } from '../../shared/store/partners';
import { type RunningWorkers, startWorkers } from '../../workers/start-workers';
import { lowerScryptCost } from './cheap-scrypt';
import type { ApiClient } from './client';
import { serveApi } from './serve-api';
import { testStores } from './test-stores';
import { eventJobsOf } from './event-jobs';
import { waitUntil } from './wait-until';

const DROP_TIMEOUT_MS = 10_000;

export const ADMIN_TOKEN = 'test-admin-token-0123456789abcdef0123456789';

/** A partner with its keys in plaintext. */
export interface TestPartner {
  partnerId: PartnerId;
  liveKey: string;
  testKey: string;
  key: ParsedApiKey;
}

/** An API and workers that run in the test process, with cheap password hashes and their own database and keyspace. */
export interface Harness {
  env: Record<string, string>;
  ctx: ApiContext;
  url: string;
  client: ApiClient;
  partner(changes?: Partial<PartnerDoc>): Promise<TestPartner>;
  startWorkers(): Promise<RunningWorkers>;
  stopWorkers(): Promise<void>;
  /** Resolves when the events queue contains no unfinished jobs. */
  drained(): Promise<void>;
  /** Runs `end` when the harness closes, before the workers and the API stop. */
  atClose(end: () => void): void;
  close(): Promise<void>;
}

/** Returns settings for a new database and keyspace. */
export function freshEnv(overrides: Record<string, string> = {}): Record<string, string> {
  const name = `t${randomBytes(6).toString('hex')}`;
  const mongo = new URL(overrides['MONGO_URL'] ?? testStores().mongoUrl);
  mongo.pathname = `/${name}`;
  return {
    NODE_ENV: 'test',
    REDIS_URL: testStores().redisUrl,
    KEYSPACE: name,
    SUBJECT_PEPPER: 'test-pepper-0123456789abcdef0123456789',
    ADMIN_TOKEN,
    LOG_LEVEL: 'silent',
    // Above the default, so that a busy test machine does not cause timeouts.
    REDIS_TIMEOUT_MS: '5000',
    ...overrides,
    MONGO_URL: mongo.href,
  };
}

/** Inserts a partner into the database. */
export async function insertPartner(store: Runtime['store'], changes: Partial<PartnerDoc> = {}): Promise<TestPartner> {
  const tag = newPartnerTag();
  const live = newApiKey('live', tag);
  const test = newApiKey('test', tag);
  const createdAt = new Date();
  const partnerId = partnerIdOf(tag);
  await store.partners.model.create({
    _id: partnerId,
    name: 'Harbour Market',
    website: 'https://harbour.example',
    contactEmail: 'ops@harbour.example',
    plan: 'ENTERPRISE',
    limits: { eventsPerMinute: 10_000_000, requestsPerMinute: 1_000_000 },
    suspended: false,
    allowedReturnOrigins: [],
    keys: [
      { env: 'live', hash: live.hash, prefix: live.prefix, createdAt },
      { env: 'test', hash: test.hash, prefix: test.prefix, createdAt },
    ],
    createdAt,
    updatedAt: createdAt,
    ...changes,
  } satisfies PartnerDoc);
  return { partnerId, liveKey: live.key, testKey: test.key, key: parseApiKey(live.key)! };
}

/** Starts the API and, by default, all workers. `env` overrides settings. */
export async function startHarness({
  workers = true,
  env: overrides = {},
}: { workers?: boolean; env?: Record<string, string> } = {}): Promise<Harness> {
  const env = freshEnv(overrides);
  const config = readConfig(env);
  await lowerScryptCost();
  const api = await serveApi(config, Number(env['PORT'] ?? 0));
  const { ctx, url, client } = api;
  const running: { workers: RunningWorkers; runtime: Runtime }[] = [];
  const ends: (() => void)[] = [];

  const harness: Harness = {
    env,
    ctx,
    url,
    client,
    partner: (changes) => insertPartner(ctx.store, changes),
    startWorkers: async () => {
      const runtime = await openRuntime(config, 'worker');
      const started = await startWorkers(runtime);
      running.push({ workers: started, runtime });
      return started;
    },
    stopWorkers: async () => {
      for (const { workers: started, runtime } of running.splice(0)) {
        await started.stop();
        await runtime.close();
      }
    },
    drained: () =>
      waitUntil('the queue is drained', async () => {
        const counts = await eventJobsOf(ctx).getJobCounts('waiting', 'prioritized', 'active', 'delayed');
        return Object.values(counts).every((count) => count === 0);
      }),
    atClose: (end) => void ends.push(end),
    close: async () => {
      ends.forEach((end) => end());
      await harness.stopWorkers();
      // Best effort, because a transaction orphaned by an outage may lock its rows for a minute.
      const dropped = ctx.store.connection.dropDatabase();
      await withDeadline(dropped, DROP_TIMEOUT_MS, () => new Error('the database was not dropped in time')).catch(
        () => undefined,
      );
      await api.close();
    },
  };
  if (workers) await harness.startWorkers();
  return harness;
}
