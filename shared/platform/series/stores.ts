import { Counter, Gauge, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const PING_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];
export type RedisRole = 'queue' | 'cache';

/** The stores as this process meets them. */
export function storeSeries({ registers }: In) {
  const pingFailures = new Counter({
    name: 'mir_redis_ping_failures_total',
    help: 'Pings without an answer in time, by role of the Redis.',
    labelNames: ['role'],
    registers,
  });
  const pingSeconds = new Histogram({
    name: 'mir_redis_ping_seconds',
    help: 'Time of a ping, sent once a second by every process, by role of the Redis.',
    labelNames: ['role'],
    buckets: PING_SECONDS,
    registers,
  });
  return {
    mongoPoolSize: new Gauge({ name: 'mir_mongo_pool_size', help: 'Connections of the pool to MongoDB.', registers }),
    mongoPoolCheckedOut: new Gauge({
      name: 'mir_mongo_pool_checked_out',
      help: 'Connections of the pool that are in use.',
      registers,
    }),
    mongoPoolWaiting: new Gauge({
      name: 'mir_mongo_pool_waiting',
      help: 'Operations that wait for a connection of the pool.',
      registers,
    }),
    mongoCheckoutFailures: new Counter({
      name: 'mir_mongo_checkout_failures_total',
      help: 'Operations that got no connection of the pool.',
      registers,
    }),
    redisPingSeconds: { queue: pingSeconds.labels('queue'), cache: pingSeconds.labels('cache') },
    redisPingFailures: countsOf(pingFailures, ['queue', 'cache']),
    breakerState: new Gauge({
      name: 'mir_breaker_state',
      help: '1 for the state that the breaker is in, 0 for the others. Open: calls are refused at once.',
      labelNames: ['breaker', 'state'],
      registers,
    }),
  };
}
