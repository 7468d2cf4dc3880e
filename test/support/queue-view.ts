import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { eventsQueue } from '../../shared/queue/event-chunk';
import type { Harness } from './harness';

/** Reads the queue over its own connection, which waits out an outage. The product's connections give up instead. */
export interface QueueView {
  redis: Redis;
  queue: Queue;
}

const views = new WeakMap<Harness, QueueView>();

/** Returns a harness's queue view, which closes with the harness. */
export function viewQueue(mir: Harness): QueueView {
  const existing = views.get(mir);
  if (existing) return existing;
  const redis = new Redis(mir.env['REDIS_URL']!, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const { keys, log } = mir.ctx;
  const queue = eventsQueue.inspect({ link: { bullmq: { connection: redis } }, keys, log });
  mir.atClose(() => redis.disconnect());
  const view = { redis, queue };
  views.set(mir, view);
  return view;
}
