import { deriveSecrets } from '../../../shared/domain/subject';
import type { Config } from '../../../shared/config/config';
import { messageOf } from '../../../shared/errors';
import { createLog, type Log } from '../../../shared/log';
import { connectRedis } from '../../../shared/redis/connect';
import type { RedisLink } from '../../../shared/redis/link';
import { mailsQueue } from '../../../shared/queue/mail-queue';
import { QUEUES } from '../../../shared/queue/queues';
import { type RedisKeys, redisKeys } from '../../../shared/redis/keys';
import { findEventShards, shardsOf } from '../../../shared/queue/event-shards';
import { connectStore } from '../../../shared/store/connect';
import { createStore, type Store } from '../../../shared/store/store';
import { type ClockReading, compareClocks, redisClock } from './check-clocks';
import { checkDisk, checkLeftovers } from './check-leftovers';
import { checkMongo } from './check-mongo';
import { checkCacheStore, checkQueueStore } from './check-redis';
import { checkSettings, settingsProblems } from './check-settings';
import { checkDeadLetters, checkOpenWork, checkQueue, checkShards } from './check-work';
import { checked, type Finding, fail } from './finding';

const REDIS_TIMEOUT_MS = 5_000;
const RETRY = 'run `mir doctor` again when the store is reachable';

interface Clock {
  of: string;
  reading: ClockReading;
}

async function examineMongo(config: Config, fingerprint: string, clocks: Clock[]): Promise<Finding[]> {
  let store: Store;
  try {
    store = createStore(await connectStore(config.mongoUrl));
  } catch (error) {
    return [fail('mongo', messageOf(error), 'start MongoDB, or fix MONGO_URL')];
  }
  try {
    const { findings, clock } = await checkMongo(store, config, fingerprint);
    if (clock) clocks.push({ of: 'MongoDB', reading: clock });
    findings.push(...(await checked('cascades', RETRY, () => checkOpenWork(store, Date.now()))));
    return findings;
  } finally {
    await store.close();
  }
}

async function readClocks(of: string, link: RedisLink, clocks: Clock[]): Promise<void> {
  for (const server of link.primaries()) {
    const { host, port } = server.options;
    await redisClock(server).then(
      (reading) => clocks.push({ of: link.layout === 'cluster' ? `${of} ${host}:${port}` : of, reading }),
      () => undefined,
    );
  }
}

async function examineQueues(config: Config, link: RedisLink, keys: RedisKeys, log: Log): Promise<Finding[]> {
  const findings: Finding[] = [];
  const eventShards = await findEventShards(link, keys);
  for (const definition of QUEUES) {
    // Without a mail server, MIR does not queue emails or run a mail worker.
    if (definition === mailsQueue && config.mail.kind === 'off') continue;
    const { name } = definition;
    const shards = new Map(
      shardsOf(name, eventShards).map((shard) => [shard, definition.inspect({ link, keys, log, shard })]),
    );
    findings.push(...(await checked(`queue ${name}`, RETRY, () => checkQueue(name, shards, link, keys))));
    await Promise.all([...shards.values()].map((queue) => queue.close()));
  }
  findings.push(...checkShards(keys, eventShards));
  return findings;
}

async function examineRedis(config: Config, clocks: Clock[]): Promise<Finding[]> {
  const log = createLog('silent', 'api');
  const keys = redisKeys(config.keyspace, config.eventQueueShards);
  const role = { kind: 'request', timeoutMs: REDIS_TIMEOUT_MS } as const;
  const queueLink = connectRedis(config.redisUrl, role, log);
  const cacheLink = connectRedis(config.cacheRedisUrl, role, log);
  try {
    const findings = await checkQueueStore(queueLink, keys, config, log);
    findings.push(...(await checkCacheStore(cacheLink, queueLink, keys, config)));
    await readClocks('Redis', queueLink, clocks);
    if (config.cacheRedisUrl !== config.redisUrl) await readClocks('the cache', cacheLink, clocks);
    if (queueLink.runId() === null) return findings;
    findings.push(...(await checked('queues', RETRY, () => examineQueues(config, queueLink, keys, log))));
    findings.push(...(await checked('dead letters', RETRY, () => checkDeadLetters(queueLink, keys))));
    return findings;
  } finally {
    await Promise.all([queueLink.close(), cacheLink.close()]);
  }
}

interface Settings {
  config: Config;
  pepperGiven: boolean;
}

function usable(readSettings: () => Settings): Settings | { problems: Finding[] } {
  try {
    return readSettings();
  } catch (error) {
    return { problems: settingsProblems(error) };
  }
}

/**
 * Checks a deployment, from its settings to its disk, without changing anything. If `readSettings` throws, reports the
 * invalid settings and skips the stores.
 */
export async function examine(readSettings: () => Settings, dataDir: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  const settings = usable(readSettings);
  if ('problems' in settings) findings.push(...settings.problems);
  else {
    const { config, pepperGiven } = settings;
    findings.push(...checkSettings(config, { pepper: pepperGiven }));
    const { fingerprint } = deriveSecrets(config.subjectPepper);
    const clocks: Clock[] = [];
    findings.push(
      ...(await checked('mongo', RETRY, () => examineMongo(config, fingerprint, clocks))),
      ...(await checked('redis', RETRY, () => examineRedis(config, clocks))),
    );
    if (clocks.length > 0) findings.push(compareClocks(clocks));
  }
  findings.push(...checkLeftovers(dataDir), ...(await checkDisk(dataDir)));
  return findings;
}
