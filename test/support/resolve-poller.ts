import type { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { eventsQueue } from '../../shared/queue/event-chunk';
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
  const { keys, log } = mir.ctx;
  const queue = eventsQueue.inspect({ link: { bullmq: { connection: redis } }, keys, log });
  mir.atClose(() => redis.disconnect());
  const observer = { redis, queue };
  observers.set(mir, observer);
  return observer;
}
