import { Gauge } from 'prom-client';
import type { In } from './values';

/** What decides whether `POST /events` is answered 503: as each API process last read it, every 0.5 s. */
export function overloadSeries({ registers }: In) {
  return {
    queuedBytes: new Gauge({ name: 'mir_queued_bytes', help: 'Event payload bytes in the queue.', registers }),
    queuedBytesLimit: new Gauge({
      name: 'mir_queued_bytes_limit',
      help: 'Bytes from which POST /v1/events answers 503.',
      registers,
    }),
    queueMemoryBytes: new Gauge({
      name: 'mir_queue_redis_memory_bytes',
      help: 'used_memory of the Redis that holds the queue.',
      registers,
    }),
    queueMemoryLimit: new Gauge({
      name: 'mir_queue_redis_memory_limit_bytes',
      help: 'Memory of that Redis from which POST /v1/events answers 503; +Inf while it has no maxmemory.',
      registers,
    }),
  };
}
