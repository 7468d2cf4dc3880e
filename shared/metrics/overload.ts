import { Counter, Gauge } from 'prom-client';
import type { In } from './values';

/** Creates the series for the overload guard on `POST /v1/events`. Each API process refreshes them every 0.5 s. */
export function overloadSeries({ registers }: In) {
  return {
    queueShareExceeded: new Counter({
      name: 'mir_queue_share_exceeded_total',
      help: 'Submissions rejected because the partner had reached its share of the queue.',
      registers,
    }),
    queuedBytes: new Gauge({
      name: 'mir_queued_bytes',
      help: 'Event payload bytes in a shard of the event queues.',
      labelNames: ['shard'],
      registers,
    }),
    queuedBytesLimit: new Gauge({
      name: 'mir_queued_bytes_limit',
      help: 'Queued bytes at which POST /v1/events starts to return 503 to the partners of a shard.',
      labelNames: ['shard'],
      registers,
    }),
    queueMemoryBytes: new Gauge({
      name: 'mir_queue_redis_memory_bytes',
      help: 'Memory that the queue Redis uses (used_memory).',
      registers,
    }),
    queueMemoryLimit: new Gauge({
      name: 'mir_queue_redis_memory_limit_bytes',
      help: 'Redis memory at which POST /v1/events starts to return 503. +Inf if Redis has no maxmemory.',
      registers,
    }),
  };
}
