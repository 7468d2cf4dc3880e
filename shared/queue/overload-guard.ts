import { overloaded, messageOf } from '../errors';
import type { Log } from '../log';
import type { Metrics } from '../metrics/metrics';
import type { RedisLink } from '../redis/connect';
import { eventsQueue } from './event-chunk';
import type { RedisKeys } from '../redis/keys';
import { queuedBytes } from './queued-bytes';

const REFRESH_EVERY_MS = 500;
/** Maximum queued bytes as a fraction of the Redis `maxmemory`, even if MAX_QUEUED_BYTES allows more. */
const MAX_SHARE_OF_REDIS = 0.5;
const RETRY_AFTER_SECONDS = 5;

/**
 * Rejects events well before Redis reaches `maxmemory`, because at `maxmemory`, BullMQ's own scripts fail and workers
 * get stuck. The limits are soft: between two refreshes, several processes together may exceed them.
 */
export interface OverloadGuard {
  /** Throws OVERLOADED while the queue or Redis is too full. */
  check: () => void;
  /** Updates the queued bytes after an add, before the next refresh. */
  setQueuedBytes: (bytes: number) => void;
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
  let queued = 0;
  let bound = maxQueuedBytes;
  let memoryPercent = 0;
  let lastWarning = '';

  const setQueuedBytes = (bytes: number): void => {
    queued = bytes;
    metrics.queuedBytes.set(bytes);
  };
  const refresh = async (): Promise<void> => {
    if (link.runId() === null) return;
    const [memory, bytes] = await Promise.all([
      link.client.info('memory'),
      queuedBytes(link.client, keys, eventsQueue.name),
    ]);
    const field = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(memory)?.[1] ?? 0);
    const max = field('maxmemory');
    bound = max > 0 ? Math.min(maxQueuedBytes, max * MAX_SHARE_OF_REDIS) : maxQueuedBytes;
    memoryPercent = max > 0 ? (field('used_memory') / max) * 100 : 0;
    metrics.queuedBytesLimit.set(bound);
    metrics.queueMemoryBytes.set(field('used_memory'));
    metrics.queueMemoryLimit.set(max > 0 ? (max * maxRedisMemoryPercent) / 100 : Number.POSITIVE_INFINITY);
    setQueuedBytes(bytes);
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
    check() {
      if (queued >= bound) throw overloaded('QUEUE_FULL', RETRY_AFTER_SECONDS);
      if (memoryPercent >= maxRedisMemoryPercent) throw overloaded('QUEUE_STORE_FULL', RETRY_AFTER_SECONDS);
    },
    stop: () => clearInterval(timer),
  };
}
