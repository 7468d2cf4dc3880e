import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deriveSecrets } from '../../../shared/domain/subject';
import type { Config } from '../../../shared/config/config';
import { createLog } from '../../../shared/log';
import { connectRedis } from '../../../shared/redis/connect';
import type { RedisLink } from '../../../shared/redis/link';
import { redisKeys } from '../../../shared/redis/keys';
import { connectStore } from '../../../shared/store/connect';
import { createStore, type Store } from '../../../shared/store/store';
import { dumpStore } from './dump-store';
import { filledCollections, loadStore } from './load-store';
import { readManifest, writeManifest } from './manifest';
import { checkPacked } from './packed-file';
import { dumpQueuedEvents, loadQueuedEvents, queuedEventsFile } from './queued-events';
import { verifyStore, type Verified } from './verify-store';

const OWNER_ONLY = 0o700;
const REDIS_TIMEOUT_MS = 30_000;
const READY_TIMEOUT_MS = 10_000;

export type LogLine = (line: string) => void;

interface Stores {
  store: Store;
  queueLink: RedisLink;
  cacheLink: RedisLink;
}

/** Opens the stores without building or checking indexes. */
async function withStores<T>(config: Config, work: (stores: Stores) => Promise<T>): Promise<T> {
  const log = createLog('silent', 'api');
  const role = { kind: 'request', timeoutMs: REDIS_TIMEOUT_MS } as const;
  const queueLink = connectRedis(config.redisUrl, role, log);
  const cacheLink = connectRedis(config.cacheRedisUrl, role, log);
  try {
    await Promise.all([queueLink.whenReady(READY_TIMEOUT_MS), cacheLink.whenReady(READY_TIMEOUT_MS)]);
    const store = createStore(await connectStore(config.mongoUrl));
    try {
      return await work({ store, queueLink, cacheLink });
    } finally {
      await store.close();
    }
  } finally {
    await Promise.all([queueLink.close(), cacheLink.close()]);
  }
}

/** Creates a backup in a new or empty folder while MIR keeps running. On failure, empties the folder and throws. */
export async function createBackup(config: Config, folder: string, log: LogLine): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: OWNER_ONLY });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty. Choose a new or empty folder.`);
  try {
    await fillBackup(config, folder, log);
  } catch (error) {
    // Partial backups would otherwise accumulate until the disk is full.
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
    throw error;
  }
}

async function fillBackup(config: Config, folder: string, log: LogLine): Promise<void> {
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  await withStores(config, async ({ store, queueLink }) => {
    if ((await store.pepper(fingerprint)) !== 'same') {
      throw new Error(
        'SUBJECT_PEPPER does not match this database. Set SUBJECT_PEPPER to the value that the database was created with.',
      );
    }
    const createdAt = new Date().toISOString();
    // Dump the queue first. An event that leaves the queue in the meantime is in the database before the database dump
    // starts.
    const queue = await dumpQueuedEvents(queueLink, redisKeys(config.keyspace, config.eventQueueShards), folder);
    log(`queued events: ${queue.count} jobs`);
    const dumped = await dumpStore(store.connection, folder, log);
    writeManifest(folder, { format: 1, createdAt, pepperFingerprint: fingerprint, queue, ...dumped });
    await store.backupTimes.record(new Date(createdAt));
  });
}

/** Records when a backup by another tool began. */
export async function recordBackup(config: Config, at: Date): Promise<void> {
  await withStores(config, ({ store }) => store.backupTimes.record(at));
}

async function holdsKeys(link: RedisLink, keyspace: string): Promise<boolean> {
  for (const server of link.primaries()) {
    for (const pattern of [`${keyspace}:*`, `{${keyspace}-*`]) {
      let cursor = '0';
      do {
        const [next, found] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
        if (found.length > 0) return true;
        cursor = next;
      } while (cursor !== '0');
    }
  }
  return false;
}

/**
 * Restores a backup into empty stores, builds the indexes and verifies the result. No MIR process may use the stores
 * during the restore. Throws before writing anything if the backup is damaged, if the backup was created with a
 * different pepper, or if a store is not empty.
 */
export async function restoreBackup(
  config: Config,
  folder: string,
  log: LogLine,
): Promise<Verified & { queued: number; unreadable: number }> {
  const manifest = readManifest(folder);
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  if (manifest.pepperFingerprint !== fingerprint) {
    throw new Error(
      'This backup was created with a different SUBJECT_PEPPER, so MIR could not recognize its users. Set SUBJECT_PEPPER to the value that the backup was created with.',
    );
  }
  for (const part of manifest.collections) await checkPacked(join(folder, `${part.name}.bson.gz`), part);
  await checkPacked(queuedEventsFile(folder), manifest.queue);
  log('All files are intact.');
  return withStores(config, async ({ store, queueLink, cacheLink }) => {
    const filled = await filledCollections(store.connection);
    if (filled.length > 0)
      throw new Error(`The database is not empty (${filled.join(', ')}). Set MONGO_URL to an empty database.`);
    for (const [link, name] of [
      [queueLink, 'REDIS_URL'],
      [cacheLink, 'CACHE_REDIS_URL'],
    ] as const) {
      if (!(await holdsKeys(link, config.keyspace))) continue;
      throw new Error(
        `The Redis server at ${name} already contains keys in this KEYSPACE, which would not match the restored data. Delete these keys first.`,
      );
    }
    await loadStore(store.connection, folder, manifest.collections, log);
    await store.migrations.apply(() => undefined);
    log('Built the indexes.');
    const verified = await verifyStore(store, fingerprint, manifest);
    if (verified.problems.length > 0) return { ...verified, queued: 0, unreadable: 0 };
    const keys = redisKeys(config.keyspace, config.eventQueueShards);
    const silent = createLog('silent', 'api');
    return { ...verified, ...(await loadQueuedEvents({ link: queueLink, keys, log: silent }, folder)) };
  });
}

/**
 * Checks the database for consistency. If a folder is specified, also compares the document counts with those in
 * the backup. Read-only.
 */
export async function verifyBackup(config: Config, folder: string | null): Promise<Verified> {
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  const manifest = folder === null ? null : readManifest(folder);
  return withStores(config, ({ store }) => verifyStore(store, fingerprint, manifest));
}
