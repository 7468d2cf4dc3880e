import { LRUCache } from 'lru-cache';
import type { Tenant } from '../domain/ids';
import { overloaded, messageOf } from '../errors';
import type { Log } from '../log';
import type { Metrics } from '../metrics/metrics';
import type { RedisLink } from '../redis/link';
import { readInfo } from '../redis/info';
import type { RedisKeys } from '../redis/keys';
import { bulkEventsQueue } from './event-chunk';
import { currentShards } from './event-shards';
import {
  QUEUE_RETRY_AFTER_SECONDS,
  queuedBytes,
  queueFull,
  type QueueLimits,
  type Reserved,
  shareExceeded,
} from './queued-bytes';

const REFRESH_EVERY_MS = 500;
/** Maximum queued bytes as a fraction of a server's `maxmemory`, even if MAX_QUEUED_BYTES allows more. */
const MAX_SHARE_OF_REDIS = 0.5;
/** Part of a shard that only small partners can use, in percent. */
const RESERVED_PERCENT = 15;
/** A partner's maximum share of its shard, unless its limits contain another one. */
export const DEFAULT_QUEUE_SHARE_PERCENT = 25;
/** Time for which a refused tenant is refused again without asking Redis. */
const REFUSAL_MS = 250;
const MAX_REFUSED_TENANTS = 1_000;

/**
 * Rejects events well before Redis reaches `maxmemory`, because at that point, BullMQ's own scripts would fail and
 * workers would get stuck. The total is read twice per second, so several processes together may exceed it slightly.
 * The shares of partners are exact in the bulk lane; the interactive lane limits a tenant's chunks instead.
 */
export interface OverloadGuard {
  /**
   * Throws OVERLOADED while the tenant's shard or Redis is too full. Throws QUEUE_SHARE_EXCEEDED for `REFUSAL_MS` after Redis
   * refused the tenant's events because its partner's share was full.
   */
  check: (tenant: Tenant) => void;
  limits: (sharePercent?: number) => QueueLimits;
  /** Updates a shard's queued bytes after an add, before the next refresh. */
  setQueuedBytes: (shard: number, bytes: number) => void;
  /** Records that Redis refused a tenant's events. */
  noteRefusal: (tenant: Tenant, status: Reserved['status']) => void;
  stop: () => void;
}

export function createOverloadGuard(deps: {
  link: RedisLink;
  keys: RedisKeys;
  log: Log;
  metrics: Metrics;
  maxQueuedBytes: number;
  maxRedisMemoryPercent: number;
}): OverloadGuard {
  const { link, keys, log, metrics, maxQueuedBytes, maxRedisMemoryPercent } = deps;
  const shards = currentShards(keys);
  const queued = shards.map(() => 0);
  /** Maximum queued bytes of a shard. */
  let bound = maxQueuedBytes / shards.length;
  let memoryPercent = 0;
  let lastWarning = '';
  const refused = new LRUCache<Tenant, Reserved['status']>({ max: MAX_REFUSED_TENANTS, ttl: REFUSAL_MS });

  const setQueuedBytes = (shard: number, bytes: number): void => {
    queued[shard] = bytes;
    metrics.queuedBytes.labels(String(shard)).set(bytes);
  };
  /** Returns the number of shards on the server that has the most of them. */
  const mostShardsOnAServer = (): number => {
    const counts = new Map<unknown, number>();
    for (const shard of shards) {
      const server = link.primaryOf(keys.queuePrefix(bulkEventsQueue.name, shard));
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    return Math.max(...counts.values());
  };
  const refresh = async (): Promise<void> => {
    if (link.runId() === null) return;
    const [infos, bytes] = await Promise.all([
      Promise.all(link.primaries().map((primary) => readInfo(primary, 'memory'))),
      Promise.all(shards.map((shard) => queuedBytes(link.client, keys, shard))),
    ]);
    const servers = infos.map((info) => ({ used: Number(info('used_memory')), max: Number(info('maxmemory')) }));
    // The fullest server of a cluster decides, because any of them may be the one that an event needs.
    const fullness = ({ used, max: limit }: { used: number; max: number }): number => (limit > 0 ? used / limit : 0);
    const fullest = servers.toSorted((a, b) => fullness(b) - fullness(a))[0];
    if (fullest === undefined) return;
    const { used, max } = fullest;
    const ofServer = max > 0 ? (max * MAX_SHARE_OF_REDIS) / mostShardsOnAServer() : Number.POSITIVE_INFINITY;
    bound = Math.min(maxQueuedBytes / shards.length, ofServer);
    memoryPercent = fullness(fullest) * 100;
    for (const shard of shards) metrics.queuedBytesLimit.labels(String(shard)).set(bound);
    metrics.queueMemoryBytes.set(used);
    metrics.queueMemoryLimit.set(max > 0 ? (max * maxRedisMemoryPercent) / 100 : Number.POSITIVE_INFINITY);
    bytes.forEach((total, shard) => setQueuedBytes(shard, total));
  };
  const timer = setInterval(() => {
    refresh().catch((error: unknown) => {
      const text = messageOf(error);
      if (text !== lastWarning) log.warn({ err: (lastWarning = text) }, 'reading the queue size failed');
    });
  }, REFRESH_EVERY_MS);
  timer.unref();

  return {
    setQueuedBytes,
    check(tenant) {
      if (queued[keys.eventShardOf(tenant)]! >= bound) throw queueFull();
      if (memoryPercent >= maxRedisMemoryPercent) throw overloaded('QUEUE_STORE_FULL', QUEUE_RETRY_AFTER_SECONDS);
      const status = refused.get(tenant);
      if (status === 'SHARE') {
        metrics.queueShareExceeded.inc();
        throw shareExceeded();
      }
      if (status === 'FULL') throw queueFull();
    },
    limits: (sharePercent = DEFAULT_QUEUE_SHARE_PERCENT) => ({
      partnerBytes: (bound * sharePercent) / 100,
      totalBytes: bound,
      sharedBytes: (bound * (100 - RESERVED_PERCENT)) / 100,
    }),
    noteRefusal(tenant, status) {
      refused.set(tenant, status);
      if (status === 'SHARE') metrics.queueShareExceeded.inc();
    },
    stop: () => clearInterval(timer),
  };
}
