import type { Redis } from 'ioredis';
import type { Config } from '../../../shared/config/config';
import type { Log } from '../../../shared/log';
import type { RedisLink } from '../../../shared/redis/link';
import { createFsyncGuard } from '../../../shared/redis/fsync-guard';
import { type FileRole, oldestErasure, readFileState } from '../../../shared/redis/append-only-file';
import { type Info, parseInfo, readInfo } from '../../../shared/redis/info';
import type { RedisKeys } from '../../../shared/redis/keys';
import { readServerIdentity } from '../../../shared/redis/server-identity';
import { type CheckRunner, type Finding, fail, ok, warn } from './finding';

const MIN_MAJOR = 7;
const READY_TIMEOUT_MS = 5_000;
const MIB = 1024 * 1024;
/** Slots of every Redis Cluster. */
const CLUSTER_SLOTS = 16_384;
const REPLICAS = 'queue replicas';
const HOUR_MS = 3_600_000;
/** Time within which a worker rewrites the append-only file after an erasure. */
const MAX_REWRITE_DELAY_MS = 24 * HOUR_MS;

function checkVersion(check: string, info: Info): Finding {
  const valkey = info('valkey_version');
  const version = valkey === '' ? info('redis_version') : valkey;
  const name = `${valkey === '' ? 'Redis' : 'Valkey'} ${version}`;
  return Number(version.split('.')[0]) >= MIN_MAJOR
    ? ok(check, `reachable, ${name}`)
    : fail(check, name, `run Redis ${MIN_MAJOR} or later, or Valkey 8 or later`);
}

function checkEviction(info: Info): Finding {
  const policy = info('maxmemory_policy');
  if (policy === 'noeviction') return ok('queue policy', 'maxmemory-policy noeviction');
  const found = `maxmemory-policy is ${policy}, so the server may evict accepted events and revocations`;
  return fail('queue policy', found, 'run CONFIG SET maxmemory-policy noeviction, and add it to redis.conf');
}

function checkAppendOnly(info: Info): Finding {
  if (info('aof_enabled') !== '1') {
    const found = 'appendonly is off, so a server restart loses accepted events and revocations';
    return fail('queue policy', found, 'run CONFIG SET appendonly yes, and add it to redis.conf');
  }
  if (info('aof_last_write_status') === 'err' || info('aof_last_bgrewrite_status') === 'err') {
    return fail('queue policy', 'the server cannot write its append-only file', "check the server's disk and log");
  }
  return ok('queue policy', 'appendonly yes');
}

function checkMemory(info: Info, config: Config): Finding[] {
  const max = Number(info('maxmemory'));
  const used = Number(info('used_memory'));
  if (max === 0) {
    const found = "maxmemory is not set, so a backlog fills the machine's memory before MIR rejects events";
    return [warn('queue memory', found, 'run CONFIG SET maxmemory 1gb (at least twice MAX_QUEUED_BYTES)')];
  }
  const percent = Math.round((used / max) * 100);
  const text = `${Math.round(used / MIB)} of ${Math.round(max / MIB)} MiB (${percent}%) in use`;
  const findings: Finding[] = [];
  if (percent >= config.maxRedisMemoryPercent) {
    const remedy = 'start more workers, check for dead letters, or raise maxmemory';
    findings.push(fail('queue memory', `${text}, so POST /v1/events returns 503`, remedy));
  } else findings.push(ok('queue memory', text));
  if (config.maxQueuedBytes > max / 2) {
    const found = `MAX_QUEUED_BYTES is more than half of maxmemory, so MIR rejects events once ${Math.round(max / 2 / MIB)} MiB are queued`;
    findings.push(warn('queue memory', found, 'raise maxmemory to twice MAX_QUEUED_BYTES, or lower MAX_QUEUED_BYTES'));
  }
  return findings;
}

/**
 * Checks that a primary with replicas stops accepting writes once the replicas have left it. `INFO` includes the number
 * of replicas that keep up only if `min-replicas-to-write` is set.
 */
function checkReplicas(info: Info): Finding[] {
  const upToDate = info('min_slaves_good_slaves');
  if (upToDate === '0') {
    const found = 'no replica keeps up, so the server rejects every write (min-replicas-to-write)';
    return [fail(REPLICAS, found, 'start a replica, or check its log and its connection to the server')];
  }
  if (upToDate !== '') return [ok(REPLICAS, `replicas that keep up: ${upToDate}, min-replicas-to-write is set`)];
  if (Number(info('connected_slaves')) === 0) return [];
  const found =
    'min-replicas-to-write is 0, so after a network split, a former primary keeps accepting events and revocations that are lost later';
  return [warn(REPLICAS, found, 'run CONFIG SET min-replicas-to-write 1, and add it to redis.conf')];
}

/** The queue's Redis, and what MIR expects of it. */
interface CheckedQueueStore {
  link: RedisLink;
  keys: RedisKeys;
  config: Config;
  log: Log;
}

/** Checks that the server can provide the configured durability. In `replicated` mode, also writes the probe key. */
async function checkDurability(
  { link, keys, config, log }: CheckedQueueStore,
  { checked, textOf }: CheckRunner,
): Promise<Finding[]> {
  const { queueDurability: mode, redisUrl: url } = config;
  const fix = 'reconfigure the server, or change QUEUE_DURABILITY';
  return checked('queue policy', fix, async () => {
    const guard = await createFsyncGuard({ link, url, mode, keys, log });
    try {
      if (mode !== 'replicated') return [];
      return await guard
        .beforeWrite([keys.fsyncProbe()])()
        .then(
          () => [ok(REPLICAS, 'a replica has confirmed a write')],
          (error: unknown) => {
            const remedy = 'check that a replica is connected, keeps up and has `appendonly yes`';
            return [fail(REPLICAS, `no replica has confirmed a write: ${textOf(error)}`, remedy)];
          },
        );
    } finally {
      await guard.close();
    }
  });
}

/** Checks that the append-only file of a server was rewritten after erasures. The queue's Redis stores the state. */
async function checkErasedContent(
  queueLink: RedisLink,
  keys: RedisKeys,
  role: FileRole,
  infos: readonly Info[],
): Promise<Finding[]> {
  if (infos.every((info) => info('aof_enabled') !== '1')) return [];
  const check = `${role} file`;
  const state = await readFileState(queueLink, keys, role);
  if (state.rejectedAt !== null) {
    const found = 'the server rejects BGREWRITEAOF, so erased content stays in its append-only file';
    return [warn(check, found, "allow BGREWRITEAOF for MIR's user, or rewrite the file after erasures")];
  }
  const erasedAt = oldestErasure(state);
  if (erasedAt === null) return [ok(check, 'no erased content in the append-only file')];
  const ageMs = Date.now() - erasedAt;
  if (ageMs <= MAX_REWRITE_DELAY_MS) return [ok(check, 'the append-only file will be rewritten within a day')];
  const found = `the append-only file has contained erased content for ${Math.floor(ageMs / HOUR_MS)} h`;
  return [warn(check, found, 'check that workers are running, and read their logs: they rewrite the file')];
}

/** Names a server in findings about a cluster. */
function nameOf(link: RedisLink, { options: { host, port } }: Redis, check: string): string {
  return link.layout === 'cluster' ? `${check} ${host}:${port}` : check;
}

/** Says which layout the link uses, and checks that it fits the server and that a cluster is complete. */
async function checkLayout(link: RedisLink): Promise<Finding[]> {
  const [server] = link.primaries();
  if (link.layout !== 'cluster') {
    const isNode = (await readInfo(server!, 'cluster'))('cluster_enabled') === '1';
    const found = 'the server is a node of a Redis Cluster, but MIR connects to it as to a single server';
    if (isNode) return [fail('redis', found, 'set REDIS_CLUSTER=true')];
    return [ok('redis', link.layout === 'sentinel' ? 'layout: primary named by Sentinel' : 'layout: one server')];
  }
  const cluster = parseInfo(await server!.cluster('INFO'));
  const primaries = link.primaries().length;
  const replicas = link.servers().length - primaries;
  const found = `layout: cluster of ${primaries} primaries and ${replicas} replicas`;
  if (cluster('cluster_state') !== 'ok' || Number(cluster('cluster_slots_ok')) < CLUSTER_SLOTS) {
    const problem = `${found}, and only ${cluster('cluster_slots_ok')} of ${CLUSTER_SLOTS} slots work`;
    return [fail('redis', problem, 'run `redis-cli --cluster check`, and restart or replace failed nodes')];
  }
  const alone = await Promise.all(
    link.primaries().map(async (node) => ((await readServerIdentity(node)).connectedReplicas === 0 ? [node] : [])),
  );
  const names = alone.flat().map(({ options: { host, port } }) => `${host}:${port}`);
  if (names.length === 0) return [ok('redis', found)];
  return [warn('redis', `${found}; without a replica: ${names.join(', ')}`, 'add a replica to each primary')];
}

/** Checks the queue's Redis: layout, version, eviction policy, append-only file, memory, replicas and durability. */
export async function checkQueueStore(queueStore: CheckedQueueStore, runner: CheckRunner): Promise<Finding[]> {
  const { link, keys, config } = queueStore;
  const remedy = 'check the server at REDIS_URL';
  return runner.checked('redis', remedy, async () => {
    await link.whenReady(READY_TIMEOUT_MS);
    const findings = await checkLayout(link);
    const infos: Info[] = [];
    for (const server of link.primaries()) {
      const info = await readInfo(server);
      infos.push(info);
      const own = [checkVersion('redis', info), checkEviction(info), checkAppendOnly(info)];
      own.push(...checkMemory(info, config), ...checkReplicas(info));
      findings.push(...own.map((finding) => ({ ...finding, check: nameOf(link, server, finding.check) })));
    }
    findings.push(...(await checkErasedContent(link, keys, 'queue', infos)));
    findings.push(...(await checkDurability(queueStore, runner)));
    return findings;
  });
}

/** Checks the Redis that caches signals. */
export async function checkCacheStore(
  link: RedisLink,
  queueLink: RedisLink,
  keys: RedisKeys,
  config: Config,
  { checked }: CheckRunner,
): Promise<Finding[]> {
  return checked('cache', 'check the server at CACHE_REDIS_URL', async () => {
    await link.whenReady(READY_TIMEOUT_MS);
    const isOwn = config.cacheRedisUrl !== config.redisUrl;
    const findings: Finding[] = [];
    const infos: Info[] = [];
    for (const server of link.primaries()) {
      const info = await readInfo(server);
      infos.push(info);
      const check = nameOf(link, server, 'cache');
      findings.push(checkVersion(check, info));
      if (isOwn && info('maxmemory_policy') === 'noeviction' && Number(info('maxmemory')) > 0) {
        const found = 'maxmemory-policy is noeviction, so a full cache does not accept new rows';
        findings.push(warn(check, found, 'run CONFIG SET maxmemory-policy allkeys-lru'));
      }
    }
    if (isOwn && queueLink.runId() !== null) {
      findings.push(...(await checkErasedContent(queueLink, keys, 'cache', infos)));
    }
    return findings;
  });
}
