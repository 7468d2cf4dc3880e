import { Counter, Gauge, Histogram } from 'prom-client';
import { countsOf, type In } from './values';

const PING_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** Creates the series for this process's connections to the stores. */
export function storeSeries({ registers }: In) {
  const pingFailures = new Counter({
    name: 'mir_redis_ping_failures_total',
    help: 'Redis pings that failed or timed out, by role.',
    labelNames: ['role'],
    registers,
  });
  const pingSeconds = new Histogram({
    name: 'mir_redis_ping_seconds',
    help: 'Duration of a Redis ping, by role. Every process pings once per second.',
    labelNames: ['role'],
    buckets: PING_SECONDS,
    registers,
  });
  // Starts each series at 0, so that a Redis server that never responds also has a series.
  for (const role of ['queue', 'cache']) pingSeconds.zero({ role });
  return {
    mongoPoolSize: new Gauge({ name: 'mir_mongo_pool_size', help: 'Connections in the MongoDB pool.', registers }),
    mongoPoolCheckedOut: new Gauge({
      name: 'mir_mongo_pool_checked_out',
      help: 'MongoDB connections in use.',
      registers,
    }),
    mongoPoolWaiting: new Gauge({
      name: 'mir_mongo_pool_waiting',
      help: 'Operations waiting for a MongoDB connection.',
      registers,
    }),
    mongoCheckoutFailures: new Counter({
      name: 'mir_mongo_checkout_failures_total',
      help: 'Operations that failed to get a MongoDB connection.',
      registers,
    }),
    mongoPingSeconds: new Histogram({
      name: 'mir_mongo_ping_seconds',
      help: 'Duration of a ping to the MongoDB primary. Every process pings once per second.',
      buckets: PING_SECONDS,
      registers,
    }),
    mongoPingFailures: new Counter({
      name: 'mir_mongo_ping_failures_total',
      help: 'Pings to the MongoDB primary that failed or timed out.',
      registers,
    }),
    redisPingSeconds: { queue: pingSeconds.labels('queue'), cache: pingSeconds.labels('cache') },
    redisPingFailures: countsOf(pingFailures, ['queue', 'cache']),
    breakerState: new Gauge({
      name: 'mir_breaker_state',
      help: "1 for the breaker's current state, 0 for the others. An open breaker rejects calls immediately.",
      labelNames: ['breaker', 'state'],
      registers,
    }),
  };
}
