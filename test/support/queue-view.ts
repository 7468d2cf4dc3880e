import { inspectQueues } from '../../shared/queue/queues';
import { type EventJobs, eventJobsOf } from './event-jobs';
import type { RedisClient } from '../../shared/redis/link';
import type { Harness } from './harness';
import { workerLink } from './worker-link';

/** Reads the queues over their own connection, which waits out an outage. The product's connections give up instead. */
export interface QueueView {
  redis: RedisClient;
  queue: EventJobs;
}

/** What `viewQueue` needs of a harness. */
export type ViewedMir = Pick<Harness, 'env' | 'ctx' | 'atClose'>;

const views = new WeakMap<ViewedMir, QueueView>();

/** Returns a harness's queue view, which closes with the harness. */
export function viewQueue(mir: ViewedMir): QueueView {
  const existing = views.get(mir);
  if (existing) return existing;
  const link = workerLink(mir.env);
  const redis = link.client;
  const { keys, log } = mir.ctx;
  const queue = eventJobsOf({ queues: inspectQueues({ link, keys, log }), keys });
  mir.atClose(() => redis.disconnect());
  const view = { redis, queue };
  views.set(mir, view);
  return view;
}
