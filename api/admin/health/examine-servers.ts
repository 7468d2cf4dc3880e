import type { Config } from '../../../shared/config/config';
import { deriveSecrets } from '../../../shared/domain/subject';
import type { Log } from '../../../shared/log';
import { findEventShards, shardsOf } from '../../../shared/queue/event-shards';
import { mailsQueue } from '../../../shared/queue/mail-queue';
import { type InspectedQueues, QUEUE_NAMES } from '../../../shared/queue/queues';
import type { RedisKeys } from '../../../shared/redis/keys';
import type { RedisLink } from '../../../shared/redis/link';
import type { Store } from '../../../shared/store/store';
import { type ClockReading, redisClock } from './check-clocks';
import { checkMongo } from './check-mongo';
import { checkCacheStore, checkQueueStore } from './check-redis';
import { checkDeadLetters, checkOpenWork, checkQueue, checkShards } from './check-work';
import type { CheckRunner, Finding } from './finding';

export const RETRY = 'check again when the store is reachable';

/** A reading of a server's clock. */
export interface Clock {
  of: string;
  reading: ClockReading;
}

/** The connections to a deployment's servers, and what MIR expects of them. */
export interface Deployment {
  config: Config;
  keys: RedisKeys;
  log: Log;
  queueLink: RedisLink;
  cacheLink: RedisLink;
  queues: InspectedQueues;
}

/** Checks MongoDB and the work that it records. */
export async function examineStore(
  store: Store,
  config: Config,
  clocks: Clock[],
  runner: CheckRunner,
): Promise<Finding[]> {
  const { fingerprint } = deriveSecrets(config.subjectPepper);
  const { findings, clock } = await checkMongo(store, config, fingerprint, runner);
  if (clock) clocks.push({ of: 'MongoDB', reading: clock });
  const isUp = clock !== null;
  return isUp
    ? [...findings, ...(await runner.checked('cascades', RETRY, () => checkOpenWork(store, Date.now())))]
    : findings;
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

async function examineQueues(
  { config, queueLink, keys, queues }: Deployment,
  { checked }: CheckRunner,
): Promise<Finding[]> {
  const eventShards = await findEventShards(queueLink, keys);
  // Without a mail server, MIR does not queue emails or run a mail worker.
  const used = QUEUE_NAMES.filter((name) => name !== mailsQueue.name || config.mail.kind !== 'off');
  const findings = await Promise.all(
    used.map((name) => {
      const shards = new Map(shardsOf(name, eventShards).map((shard) => [shard, queues.ofShard(name, shard)]));
      return checked(`queue ${name}`, RETRY, () => checkQueue(name, shards, queueLink, keys));
    }),
  );
  return [...findings.flat(), ...checkShards(keys, eventShards)];
}

/** Checks both Redis servers and the queues. */
export async function examineRedis(deployment: Deployment, clocks: Clock[], runner: CheckRunner): Promise<Finding[]> {
  const { config, keys, log, queueLink, cacheLink } = deployment;
  const { checked } = runner;
  const queueStore = await checkQueueStore({ link: queueLink, keys, config, log }, runner);
  const cacheStore = await checkCacheStore(cacheLink, queueLink, keys, config, runner);
  const findings = [...queueStore, ...cacheStore];
  await readClocks('Redis', queueLink, clocks);
  if (config.cacheRedisUrl !== config.redisUrl) await readClocks('the cache', cacheLink, clocks);
  // A server that does not respond has one finding, which is enough.
  if (queueLink.runId() === null || queueStore.length === 1) return findings;
  const work = await Promise.all([
    checked('queues', RETRY, () => examineQueues(deployment, runner)),
    checked('dead letters', RETRY, () => checkDeadLetters(queueLink, keys)),
  ]);
  return [...findings, ...work.flat()];
}
