import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deriveSecrets } from '../../../shared/domain/subject';
import type { Config } from '../../../shared/config/config';
import { createLog } from '../../../shared/log';
import { connectRedis, type RedisLink } from '../../../shared/redis/connect';
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

export type Tell = (line: string) => void;

interface Stores {
  store: Store;
  queueLink: RedisLink;
  cacheLink: RedisLink;
}

/** Opens the stores as they are: nothing is built, nothing is checked. */
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

/** Makes a backup in a new or empty folder while MIR runs. Throws one readable message, and leaves nothing behind then. */
export async function createBackup(config: Config, folder: string, tell: Tell): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: OWNER_ONLY });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty: a backup never overwrites another`);
  try {
    await fillBackup(config, folder, tell);
  } catch (error) {
    // Else the halves of a few nights fill the disk, and no backup succeeds any more.
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
    throw error;
  }
}

async function fillBackup(config: Config, folder: string, tell: Tell): Promise<void> {
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  await withStores(config, async ({ store, queueLink }) => {
    if ((await store.pepper(fingerprint)) !== 'same') {
      throw new Error('SUBJECT_PEPPER is not the one of this store. Keep the right one beside its backups, but apart.');
    }
    const createdAt = new Date().toISOString();
    // Before the store: what leaves the queue meanwhile is in the store by then.
    const queue = await dumpQueuedEvents(queueLink, redisKeys(config.keyspace), folder);
    tell(`queued events: ${queue.count} jobs`);
    const dumped = await dumpStore(store.connection, folder, tell);
    writeManifest(folder, { format: 1, createdAt, pepperFingerprint: fingerprint, queue, ...dumped });
  });
}

async function holdsKeys({ client }: RedisLink, keyspace: string): Promise<boolean> {
  for (const pattern of [`${keyspace}:*`, `{${keyspace}-*`]) {
    let cursor = '0';
    do {
      const [next, found] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', 1_000);
      if (found.length > 0) return true;
      cursor = next;
    } while (cursor !== '0');
  }
  return false;
}

/**
 * Restores a backup into empty stores, builds the indexes and verifies the outcome. MIR must not run on them. Throws
 * before anything is written when the backup is damaged, made with another pepper, or the stores are not empty.
 */
export async function restoreBackup(
  config: Config,
  folder: string,
  tell: Tell,
): Promise<Verified & { queued: number; unreadable: number }> {
  const manifest = readManifest(folder);
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  if (manifest.pepperFingerprint !== fingerprint) {
    throw new Error('SUBJECT_PEPPER is not the one that this backup was made with: every user in it would be unknown.');
  }
  for (const part of manifest.collections) await checkPacked(join(folder, `${part.name}.bson.gz`), part);
  await checkPacked(queuedEventsFile(folder), manifest.queue);
  tell('The files are whole.');
  return withStores(config, async ({ store, queueLink, cacheLink }) => {
    const filled = await filledCollections(store.connection);
    if (filled.length > 0)
      throw new Error(`The database is not empty (${filled.join(', ')}): name another in MONGO_URL.`);
    for (const [link, name] of [
      [queueLink, 'REDIS_URL'],
      [cacheLink, 'CACHE_REDIS_URL'],
    ] as const) {
      if (!(await holdsKeys(link, config.keyspace))) continue;
      throw new Error(
        `The Redis of ${name} holds keys of this KEYSPACE: what it remembers is not what is restored. Empty it first.`,
      );
    }
    await loadStore(store.connection, folder, manifest.collections, tell);
    await store.migrations.apply(() => undefined);
    tell('Indexes are built.');
    const verified = await verifyStore(store, fingerprint, manifest);
    if (verified.problems.length > 0) return { ...verified, queued: 0, unreadable: 0 };
    const keys = redisKeys(config.keyspace);
    const log = createLog('silent', 'api');
    return { ...verified, ...(await loadQueuedEvents({ link: queueLink, keys, log }, folder)) };
  });
}

/** Compares a store with itself, and with a backup's counts if a folder is given. Changes nothing. */
export async function verifyBackup(config: Config, folder: string | null): Promise<Verified> {
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  const manifest = folder === null ? null : readManifest(folder);
  return withStores(config, ({ store }) => verifyStore(store, fingerprint, manifest));
}
