import { Counter, Gauge, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const PING_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

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
  // From 0 on: what never answered is seen by its count, too.
  for (const role of ['queue', 'cache']) pingSeconds.zero({ role });
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
    mongoPingSeconds: new Histogram({
      name: 'mir_mongo_ping_seconds',
      help: 'Time of a ping to the primary of MongoDB, sent once a second by every process.',
      buckets: PING_SECONDS,
      registers,
    }),
    mongoPingFailures: new Counter({
      name: 'mir_mongo_ping_failures_total',
      help: 'Pings to the primary of MongoDB without an answer in time.',
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
