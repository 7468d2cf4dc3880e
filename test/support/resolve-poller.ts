import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { QUEUES } from '../../shared/queue/jobs';
import type { Harness } from './harness';

/** A look at the queue store that waits as long as it takes, where the product's own connections give up. */
export interface Observer {
  redis: Redis;
  queue: Queue;
}

const observers = new WeakMap<Harness, Observer>();

/** Returns the harness's observer; it ends with the harness. */
export function observe(mir: Harness): Observer {
  const known = observers.get(mir);
  if (known) return known;
  const redis = new Redis(mir.env['REDIS_URL']!, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const prefix = mir.ctx.keys.queuePrefix(QUEUES.events);
  const queue = new Queue(QUEUES.events, { connection: redis, prefix, skipMetasUpdate: true });
  queue.on('error', () => undefined);
  mir.atClose(() => redis.disconnect());
  const observer = { redis, queue };
  observers.set(mir, observer);
  return observer;
}
