import { Redis } from 'ioredis';
import { EVENT_QUEUES } from '../../shared/queue/event-chunk';
import { type EventJobs, eventJobs } from './event-jobs';
import type { Harness } from './harness';

/** Reads the queues over their own connection, which waits out an outage. The product's connections give up instead. */
export interface QueueView {
  redis: Redis;
  queue: EventJobs;
}

/** What `viewQueue` needs of a harness. */
export type ViewedMir = Pick<Harness, 'env' | 'ctx' | 'atClose'>;

const views = new WeakMap<ViewedMir, QueueView>();

/** Returns a harness's queue view, which closes with the harness. */
export function viewQueue(mir: ViewedMir): QueueView {
  const existing = views.get(mir);
  if (existing) return existing;
  const redis = new Redis(mir.env['REDIS_URL']!, { maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  const { keys, log } = mir.ctx;
  const deps = { link: { bullmq: { connection: redis } }, keys, log };
  const queue = eventJobs(Object.values(EVENT_QUEUES).map((definition) => definition.inspect(deps)));
  mir.atClose(() => redis.disconnect());
  const view = { redis, queue };
  views.set(mir, view);
  return view;
}
